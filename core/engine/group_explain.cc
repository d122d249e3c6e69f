#include <algorithm>

#include "core/engine/group_effects.h"

// DurableGroup: why it, or one of its tasks, is where it is.

namespace covey {
namespace {

using Phase = state::TaskState::Phase;

std::string Joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

std::string Plural(uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

const char* OutcomeText(state::Outcome outcome) {
  switch (outcome) {
    case state::Outcome::kSucceeded:
      return "succeeded";
    case state::Outcome::kCancelled:
      return "was cancelled";
    case state::Outcome::kFailed:
    case state::Outcome::kNone:
      break;
  }
  return "failed";
}

}  // namespace

Explanation DurableGroup::Explain(std::optional<uint32_t> task) const {
  MutexLock lock(mutex_);
  return task ? ExplainTaskLocked(*task) : ExplainGroupLocked();
}

std::vector<std::string> DurableGroup::RunningLocked(bool stopping) const {
  std::vector<uint32_t> found;
  for (const auto& [task, attempt] : attempts_) {
    if (attempt.stopping == stopping && task < committed_.submitted) found.push_back(task);
  }
  const size_t shown = std::min(found.size(), WaitView::kMaxTasks);
  std::partial_sort(found.begin(), found.begin() + static_cast<ptrdiff_t>(shown), found.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < shown; ++i) names.push_back(NameLocked(found[i]));
  return names;
}

void DurableGroup::AddSlotWaitsLocked(std::optional<uint32_t> task, std::vector<WaitView>* waits) const {
  if (lane_ == nullptr) return;
  if (failing_) {
    waits->push_back(
        {.reason = WaitReason::kJournal,
         .message = "the journal could not be written (" + failure_text_ + "); it is tried again"});
    return;
  }
  const auto ahead = task ? static_cast<uint32_t>(lane_->Ahead(*task).value_or(0)) : 0;
  const std::string before =
      task ? ", " + Plural(ahead, "task") + " of its group " + (ahead == 1 ? "is" : "are") + " before it"
           : "";
  const auto running = static_cast<uint32_t>(lane_->running());
  if (spec_->limit > 0 && running >= spec_->limit) {
    waits->push_back({.reason = WaitReason::kLimit,
                      .message = "the group runs " + Plural(running, "task") + " at once, its limit is " +
                                 std::to_string(spec_->limit) + before,
                      .max = spec_->limit,
                      .running = running,
                      .ahead = ahead});
  }
  const Pool::Stats stats = pool_->stats();
  if (stats.max > 0 && stats.running >= stats.max) {
    waits->push_back({.reason = WaitReason::kPool,
                      .message = "all slots of pool " + spec_->pool + " are held: " +
                                 std::to_string(stats.running) + " of " + std::to_string(stats.max) + before,
                      .pool = spec_->pool,
                      .max = stats.max,
                      .running = static_cast<uint32_t>(stats.running),
                      .ahead = ahead});
  }
}

void DurableGroup::AddDecisionCausesLocked(std::vector<CauseView>* causes) const {
  if (!committed_.decided) return;
  causes->push_back({.message = std::string("the group ") + OutcomeText(committed_.outcome) +
                                (decision_failure_ == nullptr ? "" : ": " + decision_failure_->message),
                     .time = decided_,
                     .event = decided_number_,
                     .failure = decision_failure_});
  // The task whose end decided it, or, where that was the last of many, the first that failed.
  uint32_t culprit = committed_.decider;
  if (committed_.outcome == state::Outcome::kFailed &&
      (culprit == state::kNoTask || !tasks_[culprit].failure)) {
    culprit = committed_.first_failed;
  }
  if (culprit == state::kNoTask) return;
  const TaskEntry& entry = tasks_[culprit];
  const std::string how =
      entry.failure == nullptr ? " succeeded" : " ended: " + Status(*entry.failure).ToString();
  causes->push_back({.message = "task " + NameLocked(culprit) + how,
                     .time = entry.ended,
                     .event = entry.ended_number,
                     .failure = entry.failure});
}

Explanation DurableGroup::ExplainGroupLocked() const {
  Explanation explanation;
  AddDecisionCausesLocked(&explanation.causes);
  if (committed_.completed) {
    explanation.summary = "group " + spec_->id + " is over: it " + OutcomeText(committed_.outcome);
    return explanation;
  }
  if (failing_) AddSlotWaitsLocked(std::nullopt, &explanation.waits);
  if (committed_.decided) {
    WaitView stop{.reason = WaitReason::kStop, .tasks = RunningLocked(true)};
    stop.message = "what still runs has been told to stop: " + Joined(stop.tasks);
    explanation.summary = "group " + spec_->id + " " + OutcomeText(committed_.outcome) + " and waits for " +
                          Plural(attempts_.size(), "task") + " to stop";
    explanation.waits.push_back(std::move(stop));
    return explanation;
  }
  const uint32_t queued = committed_.queued;
  if (committed_.unfinished() == 0) {
    explanation.summary = "group " + spec_->id + " is open and has nothing to do";
    explanation.waits.push_back(
        {.reason = WaitReason::kSeal, .message = "it is not sealed: further tasks may be added"});
    return explanation;
  }
  explanation.summary = "group " + spec_->id + " has " + Plural(committed_.running, "running task") +
                        " and " + std::to_string(queued) + " in the queue";
  if (committed_.running > 0) {
    WaitView tasks{.reason = WaitReason::kTasks, .tasks = RunningLocked(false)};
    tasks.message =
        "tasks are running: " + Joined(tasks.tasks) + (committed_.running > tasks.tasks.size() ? ", …" : "");
    explanation.waits.push_back(std::move(tasks));
  }
  if (queued > 0 && !failing_) AddSlotWaitsLocked(std::nullopt, &explanation.waits);
  return explanation;
}

Explanation DurableGroup::ExplainTaskLocked(uint32_t index) const {
  Explanation explanation;
  const TaskEntry& entry = tasks_.at(index);
  const std::string name = "task " + NameLocked(index);
  const auto attempt = attempts_.find(index);
  if (Stopped(committed_, entry.committed)) {
    explanation.summary = name + " was never started: its group was decided before";
    AddDecisionCausesLocked(&explanation.causes);
    return explanation;
  }
  switch (entry.committed.phase) {
    case Phase::kQueued:
      explanation.summary = name + " waits for a slot";
      AddSlotWaitsLocked(index, &explanation.waits);
      if (explanation.waits.empty()) explanation.summary = name + " is about to start";
      return explanation;
    case Phase::kRunning:
      if (attempt == attempts_.end() || !attempt->second.stopping) {
        explanation.summary = name + " runs, as attempt " + std::to_string(entry.committed.attempt);
        return explanation;
      }
      explanation.summary = name + " has been told to stop";
      explanation.waits.push_back({.reason = WaitReason::kStop,
                                   .message = attempt->second.stop_cause->message,
                                   .tasks = {NameLocked(index)}});
      if (attempt->second.cancel == FailureKind::kNone) AddDecisionCausesLocked(&explanation.causes);
      return explanation;
    case Phase::kEnded:
      break;
  }
  if (entry.failure == nullptr) {
    explanation.summary = name + " succeeded in attempt " + std::to_string(entry.committed.attempt);
    return explanation;
  }
  const bool stopped = entry.committed.result == state::Result::kStopped;
  explanation.summary =
      name + (stopped ? " was stopped with its group: " : " failed: ") + Status(*entry.failure).ToString();
  explanation.causes.push_back({.message = explanation.summary,
                                .time = entry.ended,
                                .event = entry.ended_number,
                                .failure = entry.failure});
  if (stopped) AddDecisionCausesLocked(&explanation.causes);
  return explanation;
}

}  // namespace covey
