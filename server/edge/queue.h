#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>

#include "core/base/mutex.h"
#include "server/edge/list.h"
#include "server/edge/mailbox.h"
#include "server/edge/read_gate.h"
#include "server/edge/scope.h"

namespace grpc {
class ServerCompletionQueue;
}

namespace covey::edge {

class Call;
using LogFunction = std::function<void(std::string_view line)>;

// One gRPC completion queue and the one thread that serves it: calls, their coroutines and all that they
// touch belong to that thread. After each event everything that became ready runs, until nothing is ready.
//
// Life: made with the server; Start; Stop (calls are told); AwaitNoCalls; Drain, once gRPC has no calls any more: the queue
// closes when its last call has ended; Join.
//
// Thread safety: Start, Stop, AwaitNoCalls, Drain, Join and mailbox().Post from any thread; live_calls too; the rest on the
// queue's thread.
class Queue {
 public:
  Queue(std::unique_ptr<grpc::ServerCompletionQueue> completions, LogFunction log);
  ~Queue();
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  // The queue whose thread this is; nullptr on other threads.
  static Queue* Current();

  void Start();
  void Stop();
  // After Stop: blocks until there was a moment without calls, or until the deadline.
  void AwaitNoCalls(std::chrono::steady_clock::time_point deadline) COVEY_EXCLUDES(mutex_);
  void Drain();
  void Join();
  // Instead of Start … Join when the server could not start.
  void CloseUnused();

  grpc::ServerCompletionQueue& completions() { return *completions_; }
  const std::shared_ptr<Mailbox>& mailbox() const { return mailbox_; }
  bool stopping() const { return stopping_; }
  size_t live_calls() const { return live_calls_.load(std::memory_order_relaxed); }
  void Log(std::string_view what, std::string_view detail) const;

  ReadGate& read_gate() { return read_gate_; }

  // The scope of the coroutine that is running.
  Scope* current_scope() const { return current_scope_; }

  void AddReady(Runnable& runnable) { ready_.PushBack(runnable); }
  // Runs `start()`, which starts a coroutine, with `scope` as the current one.
  template <class Fn>
  void RunIn(Scope& scope, Fn start) {
    Scope* const outer = std::exchange(current_scope_, &scope);
    start();
    current_scope_ = outer;
  }
  // Runs the first ready coroutine of `scope`, which must have one.
  void RunOneWithin(const Scope& scope);

  void AddCall(Call& call);
  void RemoveCall(Call& call);

 private:
  void Loop();
  void Run(Runnable& runnable);
  void CloseWhenDone();
  void TellWhenIdle() COVEY_EXCLUDES(mutex_);

  const LogFunction log_;
  const std::unique_ptr<grpc::ServerCompletionQueue> completions_;
  const std::shared_ptr<Mailbox> mailbox_;
  std::thread thread_;
  std::atomic<size_t> live_calls_ = 0;

  Mutex mutex_;  // taken last
  CondVar idle_changed_;
  bool was_idle_ COVEY_GUARDED_BY(mutex_) = false;  // since it was stopped

  // Of the queue's thread alone.
  bool stopping_ = false;
  bool draining_ = false;
  bool closed_ = false;
  Scope* current_scope_ = nullptr;
  List<Runnable> ready_;
  List<Call> calls_;
  ReadGate read_gate_;
};

}  // namespace covey::edge
