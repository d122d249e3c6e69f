#include "core/engine/group_snapshot.h"

#include <utility>

#include "core/engine/packed_values.h"

namespace covey {
namespace {

constexpr uint32_t kFormat = 1;

void Add(PackWriter& out, const state::GroupState& state) {
  for (const uint32_t count : {state.submitted, state.queued, state.running, state.succeeded, state.failed,
                               state.stopped, state.first_failed}) {
    out.Add(count);
  }
  out.Add(static_cast<uint8_t>(state.sealed));
}

state::GroupState GetState(PackReader& in) {
  state::GroupState state;
  for (uint32_t* count : {&state.submitted, &state.queued, &state.running, &state.succeeded, &state.failed,
                          &state.stopped, &state.first_failed}) {
    *count = in.Get<uint32_t>();
  }
  state.sealed = in.Get<uint8_t>() != 0;
  return state;
}

void Add(PackWriter& out, const GroupSnapshot::Open& task) {
  out.Add(task.index);
  out.Add(task.name);
  out.Add(task.number);
  out.Add(Micros(task.submitted));
  out.Add(Micros(task.started));
  out.Add(static_cast<uint8_t>(task.state.phase));
  out.Add(static_cast<uint8_t>(task.state.cancel));
  out.Add(static_cast<uint8_t>(task.state.cancel_delivered));
  out.Add(static_cast<uint8_t>(task.state.cancel_killed));
  out.Add(task.state.attempt);
  out.Add(task.spec_bytes);
  out.Add(task.work_kind);
  out.Add(static_cast<uint8_t>(task.rerun_on_restart));
}

GroupSnapshot::Open GetOpen(PackReader& in) {
  GroupSnapshot::Open task;
  task.index = in.Get<uint32_t>();
  task.name = in.GetString();
  task.number = in.Get<uint64_t>();
  task.submitted = AtMicros(in.Get<int64_t>());
  task.started = AtMicros(in.Get<int64_t>());
  task.state.phase = static_cast<state::TaskState::Phase>(in.Get<uint8_t>());
  task.state.cancel = static_cast<FailureKind>(in.Get<uint8_t>());
  task.state.cancel_delivered = in.Get<uint8_t>() != 0;
  task.state.cancel_killed = in.Get<uint8_t>() != 0;
  task.state.attempt = in.Get<uint32_t>();
  task.spec_bytes = in.Get<uint32_t>();
  task.work_kind = in.Get<uint8_t>();
  task.rerun_on_restart = in.Get<uint8_t>() != 0;
  return task;
}

// What a replay relies on.
bool Holds(const GroupSnapshot& snapshot) {
  const state::GroupState& state = snapshot.state;
  if (snapshot.number == 0 || snapshot.next_event == 0 || snapshot.next_event > snapshot.number + 1 ||
      snapshot.folded == 0 || snapshot.folded > state.submitted || snapshot.first_event == 0 ||
      uint64_t{state.queued} + state.running + state.succeeded + state.failed + state.stopped !=
          state.submitted) {
    return false;
  }
  uint64_t next = 0;
  for (const GroupSnapshot::Open& task : snapshot.open) {
    if (task.index < next || task.index >= snapshot.folded || task.number == 0 ||
        task.state.phase > state::TaskState::Phase::kRunning) {
      return false;
    }
    next = uint64_t{task.index} + 1;
  }
  return true;
}

}  // namespace

std::string Encode(const GroupSnapshot& snapshot) {
  PackWriter out;
  out.Add(kFormat);
  out.Add(snapshot.number);
  Add(out, snapshot.state);
  out.Add(Micros(snapshot.created));
  out.Add(snapshot.output_bytes);
  out.Add(snapshot.creation != nullptr ? snapshot.creation->id : std::string());
  out.Add(snapshot.creation != nullptr ? snapshot.creation->fingerprint : 0);
  out.Add(snapshot.creation != nullptr ? snapshot.creation->count : 0);
  out.Add(snapshot.folded);
  out.Add(snapshot.next_event);
  out.Add(snapshot.first_event);
  out.Add(snapshot.open.size());
  for (const GroupSnapshot::Open& task : snapshot.open) Add(out, task);
  out.Add(snapshot.failures.size());
  for (const auto& failure : snapshot.failures) Pack(out, *failure);
  out.Add(snapshot.milestones.size());
  for (const Milestone& milestone : snapshot.milestones) {
    out.Add(milestone.task);
    out.Add(milestone.event);
  }
  return out.Take();
}

std::optional<GroupSnapshot> DecodeGroupSnapshot(std::string_view bytes) {
  PackReader in(bytes);
  if (in.Get<uint32_t>() != kFormat) return std::nullopt;
  GroupSnapshot snapshot;
  snapshot.number = in.Get<uint64_t>();
  snapshot.state = GetState(in);
  snapshot.created = AtMicros(in.Get<int64_t>());
  snapshot.output_bytes = in.Get<uint64_t>();
  RequestMark creation;
  creation.id = in.GetString();
  creation.fingerprint = in.Get<uint64_t>();
  creation.count = in.Get<uint32_t>();
  if (!creation.id.empty()) snapshot.creation = std::make_shared<const RequestMark>(std::move(creation));
  snapshot.folded = in.Get<uint32_t>();
  snapshot.next_event = in.Get<uint64_t>();
  snapshot.first_event = in.Get<uint64_t>();
  for (size_t left = in.GetCount(); left > 0 && in.ok(); --left) snapshot.open.push_back(GetOpen(in));
  for (size_t left = in.GetCount(); left > 0 && in.ok(); --left)
    snapshot.failures.push_back(UnpackFailure(in));
  for (size_t left = in.GetCount(); left > 0 && in.ok(); --left) {
    Milestone milestone;
    milestone.task = in.Get<uint32_t>();
    milestone.event = in.Get<uint64_t>();
    snapshot.milestones.push_back(milestone);
  }
  if (!in.ok() || !in.at_end() || !Holds(snapshot)) return std::nullopt;
  return snapshot;
}

}  // namespace covey
