#include "core/engine/durable_group.h"
#include "core/engine/explain.h"
#include "core/spec/spec_bytes.h"

// DurableGroup: reads and waits, of what is committed alone.

namespace covey {

using Phase = state::TaskState::Phase;

uint64_t DurableGroup::Wait(std::function<void()> done) {
  {
    MutexLock lock(mutex_);
    if (!ledger_.standing().committed().completed && !ledger_.log().fenced())
      return feed_.Wait(std::move(done));
  }
  done();
  return 0;
}

uint64_t DurableGroup::WaitTask(uint32_t index, std::function<void()> done) {
  {
    MutexLock lock(mutex_);
    const state::TaskState& task = ledger_.tasks()[index].committed;
    if (task.phase != Phase::kEnded && !Stopped(ledger_.standing().committed(), task) &&
        !ledger_.log().fenced()) {
      return feed_.WaitTask(index, std::move(done));
    }
  }
  done();
  return 0;
}

bool DurableGroup::Unwait(uint64_t id) {
  MutexLock lock(mutex_);
  return feed_.Unwait(id);
}

std::optional<uint32_t> DurableGroup::FindTask(std::string_view name) const {
  MutexLock lock(mutex_);
  const auto index = ledger_.tasks().Find(name);
  return index && *index < ledger_.standing().committed().submitted ? index : std::nullopt;
}

GroupSummary DurableGroup::View() const {
  MutexLock lock(mutex_);
  return ledger_.View();
}

GroupEnd DurableGroup::End() const {
  MutexLock lock(mutex_);
  return ledger_.End();
}

TaskView DurableGroup::ViewTask(uint32_t index) const {
  MutexLock lock(mutex_);
  return ledger_.tasks().View(index, ledger_.View());
}

std::optional<TaskView> DurableGroup::TaskInMemory(uint32_t index) const {
  MutexLock lock(mutex_);
  if (!ledger_.tasks().Has(index)) return std::nullopt;
  return ledger_.tasks().View(index, ledger_.View());
}

std::vector<TaskView> DurableGroup::ViewTasks(uint32_t first, size_t limit) const {
  MutexLock lock(mutex_);
  const GroupSummary group = ledger_.View();
  std::vector<TaskView> views;
  for (size_t i = first; i < group.state.submitted && views.size() < limit; ++i) {
    if (!ledger_.tasks().Has(static_cast<uint32_t>(i))) break;
    views.push_back(ledger_.tasks().View(static_cast<uint32_t>(i), group));
  }
  return views;
}

std::vector<std::pair<uint32_t, uint32_t>> DurableGroup::RunningAttempts() const {
  MutexLock lock(mutex_);
  std::vector<std::pair<uint32_t, uint32_t>> attempts;
  for (const auto& [task, attempt] : attempts_.all()) attempts.emplace_back(task, attempt.number);
  return attempts;
}

std::vector<uint32_t> DurableGroup::OutsideOf(std::optional<uint32_t> task,
                                              std::span<const TaskView> known) const {
  MutexLock lock(mutex_);
  return Explainer(ledger_, attempts_, known).Outside(task);
}

Explanation DurableGroup::Explain(std::optional<uint32_t> task, std::span<const TaskView> outside) const {
  Explanation explanation;
  std::vector<std::pair<OutputKey, std::string>> writers;  // and the names of their tasks
  {
    MutexLock lock(mutex_);
    if (damage_)
      return {.summary = damage_->message + "; it is left alone, its events before that can be read"};
    const Explainer explainer(ledger_, attempts_, outside);
    explanation = task ? explainer.Task(*task) : explainer.Group();
    for (const auto& [index, attempt] : attempts_.all()) {
      if (!spec_->paced_output || attempt.stopping || (task && *task != index)) continue;
      writers.push_back(
          {{.group = id(), .task = index, .attempt = attempt.number}, ledger_.tasks().Name(index)});
    }
  }
  WaitView reader{.reason = WaitReason::kReader};
  size_t count = 0;
  for (auto& [key, name] : writers) {
    const bool out = environment_->output->WaitsForReader(key);
    key.stream = OutputStream::kStderr;
    if (!out && !environment_->output->WaitsForReader(key)) continue;
    if (++count <= WaitView::kMaxTasks) reader.tasks.push_back(name);
  }
  if (count == 0) return explanation;
  reader.message = "the client does not take the output of " + std::to_string(count) +
                   (count == 1 ? " task, which waits" : " tasks, which wait");
  explanation.waits.push_back(std::move(reader));
  return explanation;
}

size_t DurableGroup::bytes() const {
  MutexLock lock(mutex_);
  return sizeof(DurableGroup) + ledger_.tasks().bytes() + feed_.bytes() + SpecBytes(*spec_);
}

uint32_t DurableGroup::task_count() const {
  MutexLock lock(mutex_);
  return ledger_.standing().committed().submitted;
}

std::optional<EventPage> DurableGroup::RecentEvents(uint64_t after, PageLimit limit) const {
  MutexLock lock(mutex_);
  if (damage_) return std::nullopt;  // memory holds them only up to the last whole page
  const uint64_t head = ledger_.log().committed();
  std::optional<EventPage> page = feed_.After(after, head, limit);
  if (page) page->completed = ledger_.standing().committed().completed && page->through >= head;
  return page;
}

uint64_t DurableGroup::Watch(std::function<void()> notify) {
  MutexLock lock(mutex_);
  return feed_.Watch(std::move(notify));
}

void DurableGroup::Unwatch(uint64_t id) {
  MutexLock lock(mutex_);
  feed_.Unwatch(id);
}

bool DurableGroup::completed() const {
  MutexLock lock(mutex_);
  return ledger_.standing().committed().completed;
}

std::optional<Error> DurableGroup::damage() const {
  MutexLock lock(mutex_);
  return damage_;
}

bool DurableGroup::fenced() const {
  MutexLock lock(mutex_);
  return ledger_.log().fenced();
}

bool DurableGroup::busy() const {
  MutexLock lock(mutex_);
  const state::GroupState& pending = ledger_.standing().pending();
  return !ledger_.standing().committed().completed && !ledger_.log().fenced() &&
         (spec_->attached || pending.unfinished() > 0 || pending.decided || !ledger_.log().idle());
}

std::shared_ptr<const RequestMark> DurableGroup::creation() const {
  MutexLock lock(mutex_);
  return ledger_.standing().creation();
}

bool DurableGroup::Knows(const std::string& request_id) const {
  MutexLock lock(mutex_);
  return ledger_.tasks().FindRequest(request_id) != nullptr;
}

bool DurableGroup::watched() const {
  MutexLock lock(mutex_);
  return feed_.watched();
}

}  // namespace covey
