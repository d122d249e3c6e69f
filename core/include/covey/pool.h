#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "covey/context.h"
#include "covey/span.h"
#include "covey/status.h"
#include "covey/task.h"

namespace covey {

class SlotTree;
class ThreadSet;
class TimerQueue;

// Reusable execution slots and the threads for them. `max` bounds how many slots are held at once. The pool
// has the only queue of tasks: tickets wait in lanes, one for each group, and a free slot goes to the next by
// the rules of SlotTree: priority first, in turn among equals, none starves.
//
// A task that blocks holds a slot and a thread (Run); one that does not holds a slot alone.
//
// Thread safety: all of it.
//
// Invariants, besides those of SlotTree:
// 1. running <= max, but for what was running when max was lowered and for what was adopted.
// 2. A slot that becomes free is granted at once to the next eligible ticket: nothing waits for a thread to
//    idle out.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  // The most that `max` can be.
  static constexpr uint32_t kMaxSlots = 65536;

  // What a pool is.
  struct Options {
    uint32_t max = 0;  // 0: no bound; more than kMaxSlots is kMaxSlots
    std::chrono::nanoseconds idle_time = std::chrono::seconds(1);  // an idle thread leaves after this
    std::shared_ptr<TimerQueue> timers{};                          // default: that of the process
    bool parked = false;                                           // gives out no slot until Unpark
    std::string thread_name{};  // of its threads, as `top -H` shows it: up to 15 bytes
    // Called on each of its threads, first and last. With one of the two, or a name, tasks run on these threads alone,
    // and not on one that waits for their group.
    std::function<void()> on_thread_start{};
    std::function<void()> on_thread_stop{};
  };
  // What is held and what waits, at one instant.
  struct Stats {
    uint32_t max = 0;
    size_t running = 0;  // slots held
    size_t waiting = 0;  // tickets
    size_t threads = 0;
    size_t idle_threads = 0;
    bool closed = false;
  };

  // A pool of its own; the one with a number alone has it as `max`.
  static std::shared_ptr<Pool> New(Options options);
  static std::shared_ptr<Pool> New(uint32_t max) { return New(Options{.max = max}); }
  // The unbounded one of this process, for groups without a pool.
  static const std::shared_ptr<Pool>& Default();
  // Waits for the tasks and the threads; on one of its own threads, for the others.
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Blocks until `task` holds a slot, then runs it on a thread of the pool. ErrDispatchTimeout when the
  // context ends first, ErrClosed on a closed pool. What the task returns is its own affair; use a Group to
  // learn it. An exception that leaves it ends the program.
  template <TaskFunction F>
  Status Go(const Context& context, F&& task) {
    detail::NewNode node;
    detail::Fill(*node, std::forward<F>(task));
    Status status = Start(context, *node);
    if (status.ok()) node.Release();
    return status;
  }

  // Runs `work` on a thread of the pool. The caller holds a slot for it.
  void Run(std::function<void()> work);

  // Takes effect at once; shrinking lets running tasks finish. 0: no bound.
  void SetMax(uint32_t max);
  // Slots are given out from now on, to what waits first.
  void Unpark();
  void SetIdleTime(std::chrono::nanoseconds idle_time);
  Stats stats() const;
  // stats().waiting alone.
  size_t waiting() const;

  // Refuses what waits and what comes, and returns when the last slot is free and the threads have ended. ErrClosed
  // the second time, after the same wait. From a task of this pool, which it would wait for: a failure that says so,
  // and the pool is closed. Not from within a LaneOwner's call.
  Status Close();
  // The same for so long: nullopt when it was not over then. The pool is closed, and a later Close waits on.
  std::optional<Status> CloseFor(Span duration);

  // Whether a task may run on a thread that waits for its group.
  bool TasksMayRunAnywhere() const { return tasks_may_run_anywhere_; }

 private:
  friend class Group;
  friend class Lane;

  explicit Pool(Options options);
  Status Start(const Context& context, detail::TaskNode& node);

  const bool tasks_may_run_anywhere_;
  // Both have their own synchronisation.
  const std::shared_ptr<ThreadSet> threads_;
  const std::shared_ptr<SlotTree> slots_;
};

}  // namespace covey
