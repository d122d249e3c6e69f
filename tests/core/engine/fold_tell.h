#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "tests/support/engine_world.h"

namespace covey::testing {

inline std::string Text(const TaskView& task) {
  std::ostringstream out;
  out << task.index << " " << task.name << " phase " << static_cast<int>(task.state.phase) << " result "
      << static_cast<int>(task.state.result) << " attempt " << task.state.attempt << " cancel "
      << static_cast<int>(task.state.cancel) << (task.state.cancel_delivered ? " delivered" : "")
      << (task.stopped ? " stopped" : "") << " submitted " << task.submitted.time_since_epoch().count()
      << " started " << task.started.time_since_epoch().count() << " ended "
      << task.ended.time_since_epoch().count() << " by " << task.ended_event;
  if (task.failure != nullptr) out << " " << Status(*task.failure).ToString();
  if (task.result != nullptr) out << " = " << task.result->bytes;
  return out.str();
}

inline Explanation Explain(World& world, const World::GroupPtr& group, std::optional<uint32_t> task) {
  return Get(Ask<Result<Explanation>>(
                 [&](auto done) { world.engine().Explain(group, task, std::move(done)); }))
      .value();
}

inline std::string Text(const Explanation& explanation) {
  std::string text = explanation.summary;
  for (const CauseView& cause : explanation.causes) {
    text += "; " + cause.message + " (event " + std::to_string(cause.event) + ", " +
            std::to_string(cause.time.time_since_epoch().count()) + ")";
  }
  return text;
}

// All that can be told of a group and its tasks, each as it is read one by one.
inline std::vector<std::string> Tell(World& world, const World::GroupPtr& group) {
  std::vector<std::string> lines;
  const GroupEnd end = group->End();
  std::ostringstream head;
  const state::GroupState& state = end.group.state;
  head << state.submitted << " " << state.queued << " " << state.running << " " << state.succeeded << " "
       << state.failed << " " << state.stopped << " first failed " << state.first_failed << " events "
       << end.group.last_number << " created " << end.group.created.time_since_epoch().count() << " kept "
       << end.group.output_bytes << " runs "
       << (end.group.first_task == nullptr ? "?" : std::get<FunctionSpec>(end.group.first_task->work).name);
  lines.push_back(head.str());
  for (const auto& failure : end.failures) lines.push_back(Status(*failure).ToString());
  for (uint32_t i = 0; i < state.submitted; ++i) {
    const Result<TaskView> task = world.ReadTask(group, i);
    lines.push_back(task.ok() ? Text(task.value()) : task.error().message);
    lines.push_back(Text(Explain(world, group, i)));
  }
  lines.push_back(Text(Explain(world, group, std::nullopt)));
  return lines;
}

}  // namespace covey::testing
