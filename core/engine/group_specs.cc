#include <utility>

#include "core/engine/group_step.h"

// DurableGroup: specs that the journal alone holds, read back when their tasks are to be launched.

namespace covey {

using state::CommandKind;

namespace {

// With a spec come those behind it, whose turn is next.
constexpr PageLimit kSpecsAtOnce{.count = 512};

}  // namespace

void DurableGroup::ReadSpecsLocked(Effects& effects) {
  if (reading_specs_ || unread_.empty()) return;
  reading_specs_ = true;
  effects.specs_from = ledger_.tasks()[unread_.front()].number;
}

void DurableGroup::ReadSpecs(uint64_t from) {
  environment_->journal->Read(
      id(), from, kSpecsAtOnce, [self = shared_from_this()](Result<std::vector<Record>> records) {
        // What they release is no work for the thread that reads.
        AnswerQueue& answers = *self->environment_->answers;
        answers.Post([self, records = std::move(records)] { self->OnSpecs(records); });
        answers.Flush();
      });
}

void DurableGroup::OnSpecs(const Result<std::vector<Record>>& records) {
  Step step(this);
  reading_specs_ = false;
  COVEY_CHECK(!unread_.empty());
  const uint32_t wanted = unread_.front();
  const bool missing =
      records.ok() && (records.value().empty() || records.value().front().event.task != wanted ||
                       records.value().front().task == nullptr);
  if (records.ok() && !missing) TakeSpecsLocked(records.value());
  if (missing || (!records.ok() && records.error().code == ErrorCode::kDataLoss)) {
    unread_.pop_front();
    FailUnreadLocked(wanted,
                     missing
                         ? EventsMissing(id(), ledger_.tasks()[wanted].number, ledger_.tasks()[wanted].number)
                         : records.error(),
                     step.effects());
  }
  // Launches what can be, and ends what was told to stop meanwhile; what is left comes behind it again.
  std::deque<uint32_t> tried;
  tried.swap(unread_);
  reading_specs_ = true;  // not yet
  for (const uint32_t task : tried) LaunchLocked(task, step.effects());
  reading_specs_ = false;
  if (records.ok() || records.error().code == ErrorCode::kDataLoss) {
    ReadSpecsLocked(step.effects());
  } else if (!unread_.empty()) {
    reading_specs_ = true;
    constexpr std::chrono::milliseconds kRetry{100};
    environment_->timers->ScheduleAfter(kRetry, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->ReadSpecsAgain();
    });
  }
  step.Finish();
}

void DurableGroup::ReadSpecsAgain() {
  Step step(this);
  std::deque<uint32_t> tried;
  tried.swap(unread_);
  for (const uint32_t task : tried) LaunchLocked(task, step.effects());
  reading_specs_ = false;
  ReadSpecsLocked(step.effects());
  step.Finish();
}

// While memory is short only what is needed at once.
void DurableGroup::TakeSpecsLocked(const std::vector<Record>& records) {
  const Budget::Usage usage = environment_->memory->usage();
  const bool all =
      usage.used.bytes + kSpecsAtOnce.bytes <= usage.limit.bytes && !ledger_.standing().pending().decided;
  for (const Record& record : records) {
    if (record.event.kind != state::EventKind::kTaskSubmitted) continue;
    const uint32_t task = record.event.task;
    if (all || attempts_.Find(task) != nullptr) ledger_.tasks().TakeSpec(task, record.task);
  }
}

// Its spec is lost: it cannot run.
void DurableGroup::FailUnreadLocked(uint32_t task, const Error& why, Effects& effects) {
  const Attempts::Attempt ended = attempts_.End(task, effects);
  FactLocked({.command = {.kind = CommandKind::kExit,
                          .result = state::Ending::kFailed,
                          .failure = FailureKind::kLost,
                          .task = task,
                          .attempt = ended.number},
              .failure = Share({.kind = FailureKind::kLost,
                                .message = "it was not started: " + why.message,
                                .task = ledger_.tasks().Name(task),
                                .attempt = ended.number})},
             effects);
}

}  // namespace covey
