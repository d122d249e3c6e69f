#include "core/engine/attempts.h"

#include <utility>

#include "core/base/check.h"

namespace covey {

Attempts::Attempts(std::shared_ptr<Pool> pool, std::shared_ptr<TimerQueue> timers)
    : pool_(std::move(pool)), timers_(std::move(timers)) {}

Lane* Attempts::OpenLane(std::weak_ptr<LaneOwner> owner, uint32_t limit) {
  if (pool_ != nullptr) lane_ = std::make_unique<Lane>(pool_, std::move(owner), limit);
  return lane_.get();
}

Attempts::Attempt* Attempts::Find(uint32_t task) {
  const auto found = attempts_.find(task);
  return found == attempts_.end() ? nullptr : &found->second;
}

Attempts::Attempt* Attempts::Find(uint32_t task, uint32_t number) {
  Attempt* const attempt = Find(task);
  return attempt != nullptr && attempt->number == number ? attempt : nullptr;
}

const Attempts::Attempt* Attempts::Find(uint32_t task) const {
  const auto found = attempts_.find(task);
  return found == attempts_.end() ? nullptr : &found->second;
}

Attempts::Attempt& Attempts::Begin(uint32_t task, uint32_t number, Slot slot) {
  const auto [place, made] = attempts_.try_emplace(task, Attempt{.number = number, .slot = slot});
  COVEY_CHECK(made);
  return place->second;
}

Attempts::Attempt Attempts::End(uint32_t task, Effects& effects) {
  auto node = attempts_.extract(task);
  COVEY_CHECK(!node.empty());
  Attempt& attempt = node.mapped();
  if (attempt.timeout != TimerQueue::TimerId{}) timers_->Cancel(attempt.timeout);
  if (attempt.slot == Slot::kHeld) ++effects.release;
  return std::move(attempt);
}

void Attempts::Stop(Attempt& attempt, std::shared_ptr<const Failure> cause, Effects& effects) {
  if (attempt.stopping) return;
  attempt.stopping = true;
  attempt.stop_cause = std::move(cause);
  if (attempt.execution != nullptr) effects.stops.emplace_back(attempt.execution, attempt.stop_cause);
}

void Attempts::StopAll(const std::shared_ptr<const Failure>& cause, Effects& effects) {
  for (auto& [task, attempt] : attempts_) Stop(attempt, cause, effects);
}

void Attempts::Interrupt(const std::shared_ptr<const Failure>& cause,
                         const std::function<bool(uint32_t task)>& spared, Effects& effects) {
  for (auto& [task, attempt] : attempts_) {
    if (attempt.stopping || spared(task)) continue;
    attempt.interrupted = true;
    Stop(attempt, cause, effects);
  }
}

void Attempts::Suspend() {
  suspended_ = true;
  if (lane_ != nullptr) lane_->Clear();
}

std::shared_ptr<const Failure> Attempts::Started(uint32_t task, uint32_t number,
                                                 std::shared_ptr<Execution> execution) {
  Attempt* const attempt = Find(task, number);
  if (attempt == nullptr) return nullptr;  // it has ended already
  attempt->execution = std::move(execution);
  return attempt->stopping ? attempt->stop_cause : nullptr;
}

void Attempts::StartTimeout(Attempt& attempt, std::chrono::nanoseconds timeout,
                            std::function<void()> expired) {
  attempt.timeout = timers_->ScheduleAfter(timeout, std::move(expired));
}

}  // namespace covey
