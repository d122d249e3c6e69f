#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/run/blocking_lane.h"
#include "core/run/share.h"
#include "core/run/thread_set.h"
#include "core/state/group_state.h"
#include "covey/group.h"

namespace covey {

// What a Group is. Every decision is the pure state machine's (core/state), taken under mutex_; what a
// decision causes is carried out without it. For lifetime, threads and invariants see Group.
//
// A task that succeeds, where a success decides nothing, is three additions: to entered_ by its Go, and to succeeded_ and
// left_ at its end. The counters of the state machine are brought up to date before each decision (SyncLocked).
//
// Invariants, besides those of Group:
// 1. entered_ - Left() is what Wait waits for: calls of Go, tasks, and whoever tells tasks of a decision. Who is
//    counted may use this; who has left may not.
// 2. While somebody waits, kAwaited is set in left_, and the last one leaves under mutex_.
// 3. refuses_ is set before a decision is looked for, and cleared when there is none: a Go counts itself first and looks
//    at refuses_ afterwards, the seal sets refuses_ first and counts afterwards.
class Group::Impl {
 public:
  explicit Impl(Options options);
  ~Impl();  // when Wait has returned
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // OK: the node is the group's. Else it is the caller's.
  Status Go(detail::TaskNode& node, TaskOptions& options, bool waits);
  Status GoAsync(std::shared_ptr<AsyncRunner> runner, detail::TaskNode& node, TaskOptions& options);
  void Cancel(Failure cause) COVEY_EXCLUDES(mutex_);
  Status Wait() COVEY_EXCLUDES(mutex_);
  // nullopt when `until` has passed, or `context` has ended.
  std::optional<Status> WaitUntil(std::optional<Context::Clock::time_point> until, const Context* context)
      COVEY_EXCLUDES(mutex_);
  bool Reopen() COVEY_EXCLUDES(mutex_);
  // What ~Group does.
  void Destroy() COVEY_EXCLUDES(mutex_);
  void SetLimit(uint32_t limit) COVEY_EXCLUDES(mutex_);

  const Context& context() COVEY_EXCLUDES(mutex_);
  std::vector<Failure> failures() const COVEY_EXCLUDES(mutex_);
  Counts counts() const COVEY_EXCLUDES(mutex_);

 private:
  class Going;
  class Waiting;
  struct AsyncTask;
  struct Contexts;

  // A call of Go that has not got a slot at once, and may block. When OK, the node has been handed over.
  Status GoBlocking(detail::TaskNode& node, const TaskOptions& options, bool waits) COVEY_EXCLUDES(mutex_);
  Status Acquire(Going& going, const TaskOptions& options, bool waits) COVEY_EXCLUDES(mutex_);
  BlockingLane& EnsureLane() COVEY_EXCLUDES(mutex_);
  // With a slot: hands the task over, or says why not.
  Status Admit(Going& going) COVEY_EXCLUDES(mutex_);
  void HandOver(detail::TaskNode& node);
  void ReturnSlot();

  static void Run(WorkItem& work);
  void RunTask(detail::TaskNode& node);
  void Finish(detail::TaskNode& node, Status status, std::exception_ptr exception) COVEY_EXCLUDES(mutex_);
  void Decide(detail::TaskNode& node, Status& status, std::exception_ptr exception) COVEY_EXCLUDES(mutex_);
  // The task's own context, where its handle could end it alone; nullopt: the group's. `status`: it must not start.
  std::optional<Context> OwnContext(detail::TaskNode& node, Status* status);
  Context::Registration OnOwnEnd(detail::TaskNode& node, const Context& own);
  // Listens to the parent and sets the timeout.
  void Begin();
  void Expire() COVEY_EXCLUDES(mutex_);
  std::string NameOf(const detail::TaskNode& node) const;
  void Log(const detail::TaskNode& node, LogInfo::What what, const Status& failure) const;

  // Decides and applies one command. True when this decided the outcome and somebody has to be told: then the caller has
  // entered once more, and must TellTasks.
  bool StepLocked(const state::Command& command, const state::TaskState& task, const Status& status)
      COVEY_REQUIRES(mutex_);
  bool TrySealLocked() COVEY_REQUIRES(mutex_);
  void SyncLocked() COVEY_REQUIRES(mutex_);
  Status OutcomeLocked(const state::Event& decided, const Status& status) const COVEY_REQUIRES(mutex_);
  Status RefusalLocked() const COVEY_REQUIRES(mutex_);
  bool OverLocked() const COVEY_REQUIRES(mutex_) { return state_.decided && entered_.load() == Left(); }
  void TellTasks() COVEY_EXCLUDES(mutex_);
  void Enter() { entered_.fetch_add(1, std::memory_order_seq_cst); }
  // The group may be gone when it returns.
  void Leave() COVEY_EXCLUDES(mutex_);
  uint64_t Left() const { return left_.load(std::memory_order_seq_cst) >> 1; }
  // Runs tasks of this group that are queued, and looks for a while whether all have ended.
  void Help();

  // Constant after construction.
  const std::shared_ptr<Pool> pool_;
  SlotTree& slots_;
  ThreadSet& threads_;
  const Options options_;
  const bool simple_;  // a success decides nothing and is not logged
  const bool helps_;   // who waits may run tasks

  // What a Go touches.
  alignas(64) std::atomic<uint64_t> entered_ = 0;
  std::atomic<uint32_t> submitted_ = 0;
  // What it reads.
  alignas(64) std::atomic<bool> refuses_ = false;
  std::atomic<bool> limited_;
  std::atomic<BlockingLane*> lane_ = nullptr;
  std::atomic<const Context*> context_ = nullptr;
  std::atomic<uint32_t> waiting_ = 0;  // calls of Go that wait for a slot, as Waiting counts them
  // What the end of a task touches.
  static constexpr uint64_t kAwaited = 1;
  static constexpr uint64_t kOne = 2;
  alignas(64) std::atomic<uint64_t> left_ = 0;  // times kOne, and kAwaited
  std::atomic<uint32_t> succeeded_ = 0;         // those that state_ does not know of yet
  SlotCounts counts_;

  mutable Mutex mutex_;  // no other lock is taken under it
  CondVar over_;
  state::GroupState state_ COVEY_GUARDED_BY(mutex_);
  uint32_t waits_ COVEY_GUARDED_BY(mutex_) = 0;  // calls of Wait that have not given up
  Status outcome_ COVEY_GUARDED_BY(mutex_);      // of a decided group
  Status refused_ COVEY_GUARDED_BY(mutex_);      // the first Go that was refused by others than the group
  std::exception_ptr exception_ COVEY_GUARDED_BY(mutex_);  // that decided
  std::vector<Failure> failures_ COVEY_GUARDED_BY(mutex_);
  std::unique_ptr<BlockingLane> kept_lane_ COVEY_GUARDED_BY(mutex_);

  // Last: withdrawn first, which waits for a call under way.
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace covey
