#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/journal/record.h"
#include "core/spec/wall_time.h"
#include "core/state/group_state.h"
#include "covey/status.h"

namespace covey {

// The event with which a task was submitted, so that a reader of tasks behind it need not begin with the first.
struct Milestone {
  uint32_t task = 0;
  uint64_t event = 0;

  bool operator==(const Milestone&) const = default;
};

// A group that is not decided, as of event `number`, without what its events tell of the tasks from `folded` on: these
// are read again from `next_event`, which comes before `number` as a rule. Of the tasks before `folded` those that have
// ended are in the journal alone.
struct GroupSnapshot {
  // A task before `folded` that has not ended.
  struct Open {
    uint32_t index = 0;
    std::string name;     // empty: its index
    uint64_t number = 0;  // of the event of its submission
    WallTime submitted{};
    WallTime started{};
    state::TaskState state;
    uint32_t spec_bytes = 0;
    uint8_t work_kind = 0;
    bool rerun_on_restart = false;
  };

  uint64_t number = 0;
  state::GroupState state;  // policy and max_failures apart, which the spec has
  WallTime created{};
  uint64_t output_bytes = 0;
  std::shared_ptr<const RequestMark> creation;

  uint32_t folded = 0;
  uint64_t next_event = 0;   // the submission of task `folded`, or number + 1 when there is none
  uint64_t first_event = 0;  // the submission of task 0
  std::vector<Open> open;    // in order of their indexes
  std::vector<std::shared_ptr<const Failure>> failures;
  std::vector<Milestone> milestones;  // in order
};

std::string Encode(const GroupSnapshot& snapshot);
// Nothing: not what Encode has made, or made by a build that keeps more.
std::optional<GroupSnapshot> DecodeGroupSnapshot(std::string_view bytes);

}  // namespace covey
