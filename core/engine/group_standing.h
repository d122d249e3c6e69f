#pragma once

#include <cstdint>
#include <memory>

#include "core/engine/group_snapshot.h"
#include "core/engine/view.h"
#include "core/journal/journal.h"
#include "core/state/group_state.h"

namespace covey {

// How a group itself stands: as far as it is decided (pending), as far as it is durable (committed), and the
// times and causes that belong to its states.
//
// Not thread-safe: guarded by the lock of its group.
class GroupStanding {
 public:
  explicit GroupStanding(const GroupSpec& spec);

  const state::GroupState& pending() const { return pending_; }
  const state::GroupState& committed() const { return committed_; }
  // Seals when the last unfinished task ends; not an event.
  void SetArmed(bool armed) { pending_.armed = committed_.armed = armed; }

  void Decided(const Record& record);
  void Commit(const Record& record);
  // What was decided and is not durable is not so.
  void RollBack();

  // What a snapshot keeps of it, and takes back. Requires that it is not decided.
  void FillSnapshot(GroupSnapshot* snapshot) const;
  void Restore(const GroupSnapshot& snapshot);
  // As it ended. `creation`: the request that made it; null when that had no id. `decision`: null when it is not known.
  void RestoreOver(const GroupSummary& group, std::shared_ptr<const RequestMark> creation,
                   std::shared_ptr<const Record> decision);

  WallTime decided() const { return decided_; }
  uint64_t decided_number() const { return decided_number_; }  // of the durable event
  // Why it was decided; null when it succeeded, or is undecided.
  const std::shared_ptr<const Failure>& failure() const { return failure_; }
  // The request that made it; null when that had no id.
  const std::shared_ptr<const RequestMark>& creation() const { return creation_; }

  // `state` is pending() or committed(), `number` its newest event.
  GroupSummary View(std::shared_ptr<const GroupSpec> spec, const state::GroupState& state, uint64_t number,
                    std::shared_ptr<const Failure> first_failure) const;

 private:
  state::GroupState pending_;
  state::GroupState committed_;
  WallTime created_{};
  WallTime decided_{};
  WallTime completed_{};
  uint64_t decided_number_ = 0;
  uint64_t pending_output_ = 0;  // bytes kept of what attempts wrote that have ended
  uint64_t committed_output_ = 0;
  std::shared_ptr<const Failure> failure_;
  std::shared_ptr<const RequestMark> creation_;
};

}  // namespace covey
