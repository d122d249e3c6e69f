#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/engine/durable_group.h"
#include "core/journal/journal.h"
#include "covey/result.h"

namespace covey {

// Reads a group from the journal and folds its events, page by page. One whose events are damaged is answered
// as well, folded as far as they can be told: DurableGroup::damage says why. An error: the journal could not be
// read, or the group has gone.
//
// `listed`: as the journal lists it. `pool` null: it is over and only read. `epoch`: of the ownership under
// which the group writes.
void LoadGroup(std::shared_ptr<const GroupEnvironment> environment, const GroupSummary& listed,
               std::shared_ptr<Pool> pool, uint64_t epoch,
               std::function<void(Result<std::shared_ptr<DurableGroup>>)> done);

// The same of a group that is over and has many tasks, which stay in the journal (DurableGroup::RestoreOver). One of whose
// events the first is damaged is read as above.
void OutlineGroup(std::shared_ptr<const GroupEnvironment> environment, const GroupSummary& listed,
                  std::function<void(Result<std::shared_ptr<DurableGroup>>)> done);

}  // namespace covey
