#include "server/log/activity.h"

#include <string>
#include <string_view>

#include "core/engine/explain.h"

namespace covey {
namespace {

// Of what programs say, in bytes: enough to know it again. The rest, and what they wrote, is `covey show`'s.
constexpr size_t kMostOfReason = 200;

std::string Cut(std::string_view text) {
  if (text.size() <= kMostOfReason) return std::string(text);
  size_t end = kMostOfReason;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "…";
}

std::string Why(const std::shared_ptr<const Failure>& failure) {
  return failure == nullptr ? std::string() : Cut(failure->message);
}

// A failure that tells of itself; of one that is the group's own it has been told.
void AddTask(const std::shared_ptr<const Failure>& failure, LogLine* line) {
  if (failure == nullptr || failure->task.empty()) return;
  line->fields.emplace_back("task", failure->task);
  line->fields.emplace_back("attempt", uint64_t{failure->attempt});
}

}  // namespace

void ActivityLines::OnDecided(const GroupDecision& decision) {
  const state::GroupState& state = decision.state;
  const bool well = state.outcome == state::Outcome::kSucceeded;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(decision.after).count();
  LogLine line{.part = LogPart::kGroups,
               .level = well ? LogLevel::kDebug : LogLevel::kInfo,
               .kind = "group_decided",
               .message = "group " + std::string(OutcomeText(state.outcome)),
               .fields = {{"group", decision.group->id},
                          {"name", decision.group->name},
                          {"pool", decision.group->pool},
                          {"caller", decision.group->caller},
                          {"milliseconds", static_cast<uint64_t>(milliseconds < 0 ? 0 : milliseconds)},
                          {"tasks", uint64_t{state.submitted}},
                          {"failed", uint64_t{state.failed}},
                          {"never_started", uint64_t{decision.stopped_in_queue}}}};
  if (!well) {
    line.fields.emplace_back("reason", std::string(Name(state.failure)));
    line.fields.emplace_back("why", Why(decision.why));
    AddTask(decision.why, &line);
    const std::shared_ptr<const Failure>& first = decision.first_failure;
    if (first != nullptr && (decision.why == nullptr || first->task != decision.why->task)) {
      line.fields.emplace_back("first_failed", first->task);
      line.fields.emplace_back("first_failure", Cut(first->message));
    }
  }
  log_->Write(std::move(line), OutcomeText(state.outcome));
}

void ActivityLines::OnTrouble(const AttemptTrouble& trouble) {
  using What = AttemptTrouble::What;
  const bool killed = trouble.what == What::kKilled;
  LogLine line{.part = LogPart::kTasks,
               .level = killed ? LogLevel::kInfo : LogLevel::kWarning,
               .kind = killed ? "task_killed" : "task_lost",
               .message = killed ? "task was killed: it had not stopped within its grace"
                          : trouble.what == What::kRunAgain ? "task was lost and runs again"
                                                            : "task was lost",
               .fields = {{"group", trouble.group->id},
                          {"task", trouble.task},
                          {"attempt", uint64_t{trouble.attempt}},
                          {"caller", trouble.group->caller},
                          {"why", Why(trouble.why)}}};
  log_->Write(std::move(line));
}

}  // namespace covey
