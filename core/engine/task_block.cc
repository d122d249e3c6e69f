#include "core/engine/task_block.h"

#include <utility>

#include "core/engine/packed_values.h"

namespace covey {
namespace {

using Phase = state::TaskState::Phase;

constexpr uint8_t kFormat = 1;

// What is there of a task, in its first byte.
enum Has : uint8_t {
  kEnded = 1,
  kFailure = 2,
  kResult = 4,
  kOutput = 8,
  kStarted = 16,
  kLeftOut = 32,
  kFlags = 64
};

void AddEnding(PackWriter& out, const TaskTable::Ending& ending, WallTime submitted) {
  out.Add(Micros(ending.at) - Micros(submitted));
  out.Add(ending.number);
  if (ending.failure != nullptr) Pack(out, *ending.failure);
  if (ending.result != nullptr) {
    out.Add(ending.result->bytes);
    out.Add(ending.result->content_type);
    out.Add(static_cast<uint8_t>(ending.result->is_text));
  }
  if (ending.output != nullptr) {
    out.Add(ending.output->standard_output);
    out.Add(ending.output->standard_error);
    out.Add(ending.output->standard_output_lost);
    out.Add(ending.output->standard_error_lost);
  }
}

std::unique_ptr<const TaskTable::Ending> GetEnding(PackReader& in, uint8_t has, WallTime submitted) {
  auto ending = std::make_unique<TaskTable::Ending>();
  ending->at = AtMicros(Micros(submitted) + in.Get<int64_t>());
  ending->number = in.Get<uint64_t>();
  ending->left_out = (has & kLeftOut) != 0;
  if ((has & kFailure) != 0) ending->failure = UnpackFailure(in);
  if ((has & kResult) != 0) {
    Payload result;
    result.bytes = in.GetString();
    result.content_type = in.GetString();
    result.is_text = in.Get<uint8_t>() != 0;
    ending->result = std::make_shared<const Payload>(std::move(result));
  }
  if ((has & kOutput) != 0) {
    OutputSizes sizes;
    for (uint64_t* size : {&sizes.standard_output, &sizes.standard_error, &sizes.standard_output_lost,
                           &sizes.standard_error_lost}) {
      *size = in.Get<uint64_t>();
    }
    ending->output = std::make_shared<const OutputSizes>(sizes);
  }
  return ending;
}

uint8_t HasOf(const TaskTable::Entry& entry) {
  const state::TaskState& state = entry.committed;
  if (state.phase != Phase::kEnded || entry.ending == nullptr) return 0;
  uint8_t has = kEnded;
  if (entry.ending->failure != nullptr) has |= kFailure;
  if (entry.ending->result != nullptr) has |= kResult;
  if (entry.ending->output != nullptr) has |= kOutput;
  if (entry.started != WallTime{}) has |= kStarted;
  if (entry.ending->left_out) has |= kLeftOut;
  if (state.cancel != FailureKind::kNone || state.cancel_delivered || state.cancel_killed ||
      entry.rerun_on_restart) {
    has |= kFlags;
  }
  return has;
}

bool GetTask(PackReader& in, BlockTask* task) {
  const auto has = in.Get<uint8_t>();
  task->ended = (has & kEnded) != 0;
  task->name = in.GetString();
  if (!task->ended) return in.ok();
  TaskTable::Entry& entry = task->entry;
  state::TaskState& state = entry.committed;
  entry.number = in.Get<uint64_t>();
  entry.submitted = AtMicros(in.Get<int64_t>());
  if ((has & kStarted) != 0) entry.started = AtMicros(Micros(entry.submitted) + in.Get<int64_t>());
  state.phase = Phase::kEnded;
  state.result = static_cast<state::Ending>(in.Get<uint8_t>());
  state.failure = static_cast<FailureKind>(in.Get<uint8_t>());
  state.attempt = in.Get<uint32_t>();
  state.code = in.Get<int32_t>();
  if ((has & kFlags) != 0) {
    state.cancel = static_cast<FailureKind>(in.Get<uint8_t>());
    state.cancel_delivered = in.Get<uint8_t>() != 0;
    state.cancel_killed = in.Get<uint8_t>() != 0;
    entry.rerun_on_restart = in.Get<uint8_t>() != 0;
  }
  entry.pending = state;
  entry.spec_bytes = in.Get<uint32_t>();
  entry.work_kind = in.Get<uint8_t>();
  entry.ending = GetEnding(in, has, entry.submitted);
  return in.ok();
}

}  // namespace

void TaskBlockWriter::Add(const TaskTable::Entry& entry) {
  PackWriter out;
  const uint8_t has = HasOf(entry);
  out.Add(has);
  out.Add(entry.name == nullptr ? std::string_view() : std::string_view(*entry.name));
  if (has != 0) {
    const state::TaskState& state = entry.committed;
    out.Add(entry.number);
    out.Add(Micros(entry.submitted));
    if ((has & kStarted) != 0) out.Add(Micros(entry.started) - Micros(entry.submitted));
    out.Add(static_cast<uint8_t>(state.result));
    out.Add(static_cast<uint8_t>(state.failure));
    out.Add(state.attempt);
    out.Add(state.code);
    if ((has & kFlags) != 0) {
      out.Add(static_cast<uint8_t>(state.cancel));
      out.Add(static_cast<uint8_t>(state.cancel_delivered));
      out.Add(static_cast<uint8_t>(state.cancel_killed));
      out.Add(static_cast<uint8_t>(entry.rerun_on_restart));
    }
    out.Add(entry.spec_bytes);
    out.Add(entry.work_kind);
    AddEnding(out, *entry.ending, entry.submitted);
  }
  bytes_ += out.Take();
  ++count_;
}

TaskBlock TaskBlockWriter::Take(bool late) {
  PackWriter head;
  head.Add(kFormat);
  head.Add(count_);
  TaskBlock block{.first = first_, .late = late, .bytes = head.Take() + std::exchange(bytes_, {})};
  first_ += std::exchange(count_, 0);
  return block;
}

std::optional<std::vector<BlockTask>> DecodeTasks(std::string_view bytes) {
  PackReader in(bytes);
  if (in.Get<uint8_t>() != kFormat) return std::nullopt;
  std::vector<BlockTask> tasks;
  const size_t count = in.GetCount();
  if (count > kBlockTasks) return std::nullopt;
  tasks.resize(count);
  for (BlockTask& task : tasks) {
    if (!GetTask(in, &task)) return std::nullopt;
  }
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return tasks;
}

}  // namespace covey
