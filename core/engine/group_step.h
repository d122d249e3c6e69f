#pragma once

#include <utility>

#include "core/engine/durable_group.h"

namespace covey {

// One step of a group: holds its lock, collects what is caused, and ends with Finish, which must be called.
class COVEY_SCOPED_CAPABILITY DurableGroup::Step {
 public:
  explicit Step(DurableGroup* group) COVEY_ACQUIRE(group->mutex_) : group_(group) { group_->mutex_.Lock(); }
  ~Step() COVEY_RELEASE() { COVEY_CHECK(finished_); }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

  Effects& effects() { return effects_; }

  // Makes one append of what was decided, lets go of the lock and carries out the effects. `reply` is given
  // when what was decided is durable, or lost.
  void Finish(Reply reply = nullptr) COVEY_RELEASE() COVEY_NO_TSA {
    group_->HoldQueuedLocked();
    group_->HoldMemoryLocked();
    if (auto call = group_->ledger_.Close(std::move(reply))) effects_.calls.push_back(*std::move(call));
    finished_ = true;
    if (group_->attempts_.suspended()) effects_.push.clear();
    group_->mutex_.Unlock();
    group_->CarryOut(std::move(effects_));
  }
  // The same, and then tells whoever asked.
  template <typename Done, typename Answer>
  void FinishWith(const Done& done, Answer answer) COVEY_RELEASE() COVEY_NO_TSA {
    Finish();
    done(std::move(answer));
  }

 private:
  DurableGroup* const group_;
  Effects effects_;
  bool finished_ = false;
};

// Brings word of one attempt to its group, which it keeps alive.
class DurableGroup::Listener final : public AttemptListener {
 public:
  Listener(std::shared_ptr<DurableGroup> group, uint32_t task, uint32_t attempt)
      : group_(std::move(group)), task_(task), attempt_(attempt) {}

  void OnStarted() override { group_->OnStarted(task_, attempt_); }
  size_t OutputRoom(OutputStream stream, const std::function<void()>& has_room) override {
    return output().Room(KeyOf(stream), has_room);
  }
  void OnOutput(OutputStream stream, std::string_view bytes) override {
    output().Write(KeyOf(stream), bytes);
  }
  void OnDelivered(int signal) override {
    group_->OnProgress(task_, attempt_, state::CommandKind::kDelivered, signal);
  }
  void OnKilled() override { group_->OnProgress(task_, attempt_, state::CommandKind::kKilled, 0); }
  void OnExit(Status status, std::shared_ptr<const Payload> result) override {
    output().Finish(group_->id(), task_, attempt_,
                    [group = group_, task = task_, attempt = attempt_, status = std::move(status),
                     result = std::move(result)](const OutputSizes& sizes) {
                      group->OnExit(task, attempt, status, result, sizes);
                    });
  }
  void OnLost(Failure failure) override {
    output().Finish(group_->id(), task_, attempt_,
                    [group = group_, task = task_, attempt = attempt_, failure = std::move(failure)](
                        const OutputSizes& sizes) { group->OnLost(task, attempt, failure, sizes); });
  }

 private:
  OutputStore& output() { return *group_->environment_->output; }
  OutputKey KeyOf(OutputStream stream) const {
    return {.group = group_->id(), .task = task_, .attempt = attempt_, .stream = stream};
  }

  const std::shared_ptr<DurableGroup> group_;
  const uint32_t task_;
  const uint32_t attempt_;
};

}  // namespace covey
