#pragma once

#include <vector>

#include "core/run/share.h"

namespace covey {

// Calls the owners of the lanes, in order, without a lock. What arises from within such a call waits in a
// list of this thread until the call has returned, so that a million stale tickets do not recurse. An owner
// is kept until its call has returned; when it has gone, or its lane, the slot goes to the next.
void Deliver(std::vector<SlotAnswer> answers);

}  // namespace covey
