#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/run/blocking_lane.h"
#include "core/state/group_state.h"
#include "covey/group.h"

namespace covey {

// What a Group is. Every decision is the pure state machine's (core/state), taken under mutex_; what a
// decision causes is carried out without it. For lifetime, threads and invariants see Group.
class Group::Impl {
 public:
  explicit Impl(Options options);
  ~Impl() = default;  // when Wait has returned
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status Go(std::shared_ptr<Runner> runner, std::string name);
  Status GoAsync(std::shared_ptr<AsyncRunner> runner, std::string name);
  void Cancel(Failure cause) COVEY_EXCLUDES(mutex_);
  Status Wait() COVEY_EXCLUDES(mutex_);
  void SetLimit(uint32_t limit) { lane_.SetLimit(limit); }

  const Context& context() const { return context_; }
  std::vector<Failure> failures() const COVEY_EXCLUDES(mutex_);
  Counts counts() const COVEY_EXCLUDES(mutex_);

 private:
  struct Task;
  struct AsyncTask;

  // Waits for a slot and starts `task` on it. When OK, the caller runs it and Finish follows.
  Status Admit(Task& task) COVEY_EXCLUDES(mutex_);
  void Finish(Task& task, Status status) COVEY_EXCLUDES(mutex_);
  void Log(const Task& task, LogInfo::What what, const Status& failure) const;
  void Expire() COVEY_EXCLUDES(mutex_);

  // Decides and applies one command. True when this decided the outcome: then live_ is one higher, and the
  // caller must TellTasks.
  bool StepLocked(const state::Command& command, Task* task, const Status& status) COVEY_REQUIRES(mutex_);
  Status OutcomeLocked(const state::Event& decided, const Status& status) const COVEY_REQUIRES(mutex_);
  Status RefusalLocked() const COVEY_REQUIRES(mutex_);
  bool ArmedLocked() const COVEY_REQUIRES(mutex_) { return waited_for_ && going_ == 0; }
  // Ends the tasks' context.
  void TellTasks() COVEY_EXCLUDES(mutex_);
  // One of live_ is over. The group may be gone when it returns.
  void Leave() COVEY_EXCLUDES(mutex_);
  void WakeIfOverLocked() COVEY_REQUIRES(mutex_);

  // Constant after construction.
  const std::shared_ptr<Pool> pool_;
  const bool recover_;
  const std::function<void(const LogInfo&)> log_;
  const std::optional<std::chrono::nanoseconds> timeout_;
  const Context expiry_;  // ends with the timeout
  const Context context_;

  BlockingLane lane_;  // has its own synchronisation

  mutable Mutex mutex_;  // no other lock is taken under it
  CondVar over_;
  state::GroupState state_ COVEY_GUARDED_BY(mutex_);
  bool waited_for_ COVEY_GUARDED_BY(mutex_) = false;
  size_t going_ COVEY_GUARDED_BY(mutex_) = 0;  // calls of Go that have not been admitted or refused
  size_t live_ COVEY_GUARDED_BY(mutex_) = 0;   // tasks and calls that Wait waits for
  Status outcome_ COVEY_GUARDED_BY(mutex_);    // of a decided group
  std::vector<Failure> failures_ COVEY_GUARDED_BY(mutex_);

  // Last: withdrawn first, which waits for a call under way.
  Context::Registration parent_done_;
  Context::Registration expired_;
  Context::Registration context_done_;
};

}  // namespace covey
