#include "core/engine/explain.h"

#include <algorithm>

#include "core/base/plural.h"

namespace covey {

using Phase = state::TaskState::Phase;

namespace {

constexpr char kEnded[] = "what ran has ended, which is not written yet";

std::string Joined(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

// Why something failed, when who did is said already.
std::string Why(const Failure& failure) {
  return failure.message.empty() ? std::string(Name(failure.kind)) : failure.message;
}

}  // namespace

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

std::vector<std::string> Explainer::Running(bool stopping_alone) const {
  std::vector<uint32_t> found;
  for (const auto& [task, attempt] : attempts_.all()) {
    if ((attempt.stopping || !stopping_alone) && task < committed_.submitted) found.push_back(task);
  }
  const size_t shown = std::min(found.size(), WaitView::kMaxTasks);
  std::partial_sort(found.begin(), found.begin() + static_cast<ptrdiff_t>(shown), found.end());
  std::vector<std::string> names;
  for (size_t i = 0; i < shown; ++i) names.push_back(tasks_.Name(found[i]));
  return names;
}

void Explainer::AddSlotWaits(std::optional<uint32_t> task, std::vector<WaitView>* waits) const {
  const Lane* const lane = attempts_.lane();
  if (lane == nullptr) return;
  if (attempts_.suspended()) {
    waits->push_back(
        {.reason = WaitReason::kStop,
         .message = "the daemon is stopping: what is queued runs when it has been started again"});
    return;
  }
  if (ledger_.log().stopped()) {
    waits->push_back(
        {.reason = WaitReason::kJournal,
         .message = "the journal could not be written (" + ledger_.log().why() + "); it is tried again"});
    return;
  }
  const auto ahead =
      task ? static_cast<uint32_t>(
                 lane->Ahead(Ticket{.task = *task, .attempt = tasks_[*task].pending.attempt + 1}.Pack())
                     .value_or(0))
           : 0;
  const std::string before =
      task ? ", " + Plural(ahead, "task") + " of its group " + (ahead == 1 ? "is" : "are") + " before it"
           : "";
  const auto running = static_cast<uint32_t>(lane->running());
  if (spec_.limit > 0 && running >= spec_.limit) {
    waits->push_back({.reason = WaitReason::kLimit,
                      .message = "the group runs " + Plural(running, "task") + " at once, its limit is " +
                                 std::to_string(spec_.limit) + before,
                      .max = spec_.limit,
                      .running = running,
                      .ahead = ahead});
  }
  const Pool::Stats stats = attempts_.pool()->stats();
  if (stats.max > 0 && stats.running >= stats.max) {
    waits->push_back({.reason = WaitReason::kPool,
                      .message = "all slots of pool " + spec_.pool + " are held: " +
                                 std::to_string(stats.running) + " of " + std::to_string(stats.max) + before,
                      .pool = spec_.pool,
                      .max = stats.max,
                      .running = static_cast<uint32_t>(stats.running),
                      .ahead = ahead});
  }
}

void Explainer::AddDecisionCauses(std::vector<CauseView>* causes) const {
  if (!committed_.decided) return;
  const auto& failure = ledger_.standing().failure();
  // That of a task is told with the task.
  const bool own = failure != nullptr && failure->task.empty();
  causes->push_back({.message = std::string("the group ") + OutcomeText(committed_.outcome) +
                                (own ? ": " + Why(*failure) : ""),
                     .time = ledger_.standing().decided(),
                     .event = ledger_.standing().decided_number(),
                     .failure = failure});
  // The task whose end decided it, or, where that was the last of many, the first that failed.
  std::optional<TaskView> culprit;
  if (committed_.decider != state::kNoTask) culprit = View(committed_.decider);
  if (committed_.outcome == state::Outcome::kFailed && (!culprit || culprit->failure == nullptr) &&
      committed_.first_failed != state::kNoTask) {
    culprit = View(committed_.first_failed);
  }
  if (!culprit) return;
  const std::string how = culprit->failure == nullptr ? " succeeded" : " failed: " + Why(*culprit->failure);
  causes->push_back({.message = "task " + culprit->name + how,
                     .time = culprit->ended,
                     .event = culprit->ended_event,
                     .failure = culprit->failure});
}

std::optional<TaskView> Explainer::View(uint32_t index) const {
  if (tasks_.Has(index)) return tasks_.View(index, ledger_.View());
  const auto told = std::find_if(outside_.begin(), outside_.end(),
                                 [index](const TaskView& task) { return task.index == index; });
  return told == outside_.end() ? std::nullopt : std::optional(*told);
}

std::vector<uint32_t> Explainer::Outside(std::optional<uint32_t> task) const {
  std::vector<uint32_t> outside;
  for (const uint32_t index :
       {task.value_or(state::kNoTask), committed_.decided ? committed_.decider : state::kNoTask,
        committed_.decided ? committed_.first_failed : state::kNoTask}) {
    if (index != state::kNoTask && index < tasks_.size() && !View(index)) outside.push_back(index);
  }
  return outside;
}

Explanation Explainer::Group() const {
  Explanation explanation;
  AddDecisionCauses(&explanation.causes);
  if (committed_.completed) {
    explanation.summary = "group " + spec_.id + " is over: it " + OutcomeText(committed_.outcome);
    return explanation;
  }
  if (ledger_.log().stopped()) AddSlotWaits(std::nullopt, &explanation.waits);
  if (committed_.decided) {
    WaitView stop{.reason = WaitReason::kStop, .tasks = Running(true)};
    stop.message =
        stop.tasks.empty() ? kEnded : "what still runs has been told to stop: " + Joined(stop.tasks);
    explanation.summary = "group " + spec_.id + " " + OutcomeText(committed_.outcome) + " and waits for " +
                          Plural(attempts_.all().size(), "task") + " to stop";
    explanation.waits.push_back(std::move(stop));
    return explanation;
  }
  const uint32_t queued = committed_.queued;
  if (committed_.unfinished() == 0) {
    explanation.summary = "group " + spec_.id + " is open and has nothing to do";
    explanation.waits.push_back(
        {.reason = WaitReason::kSeal, .message = "it is not sealed: further tasks may be added"});
    return explanation;
  }
  explanation.summary = "group " + spec_.id + " has " + Plural(committed_.running, "running task") + " and " +
                        std::to_string(queued) + " in the queue";
  if (committed_.running > 0) {
    WaitView tasks{.reason = WaitReason::kTasks, .tasks = Running(false)};
    if (tasks.tasks.empty()) {
      tasks.message = kEnded;
    } else {
      tasks.message = "tasks are running: " + Joined(tasks.tasks) +
                      (committed_.running > tasks.tasks.size() ? ", …" : "");
    }
    explanation.waits.push_back(std::move(tasks));
  }
  if (queued > 0 && !ledger_.log().stopped()) AddSlotWaits(std::nullopt, &explanation.waits);
  return explanation;
}

Explanation Explainer::Task(uint32_t index) const {
  Explanation explanation;
  const TaskTable::Entry& entry = tasks_[index];
  const std::optional<TaskView> view = View(index);
  const std::string name = "task " + (view ? view->name : tasks_.Name(index));
  const Attempts::Attempt* const attempt = attempts_.Find(index);
  if (view && view->stopped) {
    explanation.summary = name + " was never started: its group was decided before";
    AddDecisionCauses(&explanation.causes);
    return explanation;
  }
  switch (entry.committed.phase) {
    case Phase::kQueued:
      explanation.summary = name + " waits for a slot";
      AddSlotWaits(index, &explanation.waits);
      if (explanation.waits.empty()) explanation.summary = name + " is about to start";
      return explanation;
    case Phase::kRunning:
      if (attempt == nullptr || !attempt->stopping) {
        explanation.summary = name + " runs, as attempt " + std::to_string(entry.committed.attempt);
        return explanation;
      }
      explanation.summary = name + " has been told to stop";
      explanation.waits.push_back({.reason = WaitReason::kStop,
                                   .message = attempt->stop_cause->message,
                                   .tasks = {tasks_.Name(index)}});
      if (attempt->cancel == FailureKind::kNone) AddDecisionCauses(&explanation.causes);
      return explanation;
    case Phase::kEnded:
      break;
  }
  if (!view) {
    explanation.summary = name + " has ended";
    return explanation;
  }
  if (view->failure == nullptr) {
    explanation.summary = name + " succeeded in attempt " + std::to_string(view->state.attempt);
    return explanation;
  }
  const bool stopped = view->state.result == state::Ending::kStopped;
  explanation.summary =
      stopped ? name + " was stopped with its group" : name + " failed: " + Why(*view->failure);
  explanation.causes.push_back({.message = explanation.summary,
                                .time = view->ended,
                                .event = view->ended_event,
                                .failure = view->failure});
  if (stopped) AddDecisionCauses(&explanation.causes);
  return explanation;
}

}  // namespace covey
