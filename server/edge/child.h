#pragma once

#include <exception>

#include "server/edge/queue.h"
#include "server/edge/scope.h"
#include "server/edge/task.h"

namespace covey::edge {

// A task that runs beside the coroutine that made it, for instance a loop of reads beside a loop of writes:
//
//   edge::Task<void> reading = ReadTasks(call, group);
//   edge::Child<void> reader(std::move(reading));      // runs at once, up to its first suspension
//   ...
//   reader.Cancel();                                   // its waits end with kCancelled, false or nullopt
//   co_await reader.Join();                            // rethrows what it threw
//
// A child never outlives its Child object, so it may use the locals of its maker that were declared before:
// the destructor cancels it and runs it to its end, there and then. That is possible since no wait of this
// library suspends in a cancelled scope. A child must return when a wait tells it that it is over. Belongs to
// its queue's thread; made inside a handler (or a task of one).
template <class T = void>
class [[nodiscard]] Child {
 public:
  explicit Child(Task<T> task)
      : queue_(*Queue::Current()), scope_(queue_, queue_.current_scope()), task_(std::move(task)) {
    queue_.RunIn(scope_, [this] { task_.handle_.resume(); });
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (!task_.done()) {
      scope_.Cancel();
      while (!task_.done()) queue_.RunOneWithin(scope_);
    }
    try {
      task_.handle_.promise().RethrowIfFailed();
    } catch (const std::exception& e) {
      queue_.Log("a child task ended by an exception that nobody joined: ", e.what());
    } catch (...) {
      queue_.Log("a child task ended by an exception that nobody joined", "");
    }
  }

  bool done() const { return task_.done(); }
  // Ends every wait of the child and of its own children; it returns soon after. Idempotent.
  void Cancel() { scope_.Cancel(); }
  // co_await child.Join() waits for the end, whatever happens, and gives the result; once.
  internal::EndAwaiter<T> Join() const { return {task_.handle_, /*start=*/false}; }

 private:
  Queue& queue_;
  Scope scope_;
  Task<T> task_;
};

}  // namespace covey::edge
