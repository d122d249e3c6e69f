#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/engine/attempts.h"
#include "core/engine/group_ledger.h"
#include "core/engine/view.h"

namespace covey {

// Says why a group, or one task of it, is where it is: reads what is committed, the lane and the pool.
//
// Lives for one call, under the lock of the group.
class Explainer {
 public:
  // `outside`: the tasks that it will need and that are not in memory (Outside).
  Explainer(const GroupLedger& ledger, const Attempts& attempts, std::span<const TaskView> outside)
      : outside_(outside),
        ledger_(ledger),
        spec_(ledger.spec()),
        tasks_(ledger.tasks()),
        attempts_(attempts),
        committed_(ledger.standing().committed()) {}

  Explanation Group() const;
  Explanation Task(uint32_t index) const;
  // Of the tasks that an explanation of the group, or of `task`, is made of those that are neither in memory nor told.
  std::vector<uint32_t> Outside(std::optional<uint32_t> task) const;

 private:
  // How a task ended, wherever it is; nullopt: it is neither in memory nor told.
  std::optional<TaskView> View(uint32_t index) const;
  // Names of tasks that run, and are being stopped or not.
  std::vector<std::string> Running(bool stopping_alone) const;
  // What a queued task waits for. nullopt: any, not one of them.
  void AddSlotWaits(std::optional<uint32_t> task, std::vector<WaitView>* waits) const;
  // From the decision of the group to its first cause.
  void AddDecisionCauses(std::vector<CauseView>* causes) const;

  const std::span<const TaskView> outside_;
  const GroupLedger& ledger_;
  const GroupSpec& spec_;
  const TaskTable& tasks_;
  const Attempts& attempts_;
  const state::GroupState& committed_;
};

// "succeeded", "failed", "was cancelled".
const char* OutcomeText(state::Outcome outcome);

}  // namespace covey
