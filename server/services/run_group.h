#pragma once

#include "server/services/dispatcher.h"

namespace covey {

using RunCall = edge::BidiStream<v1::RunGroupRequest, v1::RunGroupResponse>;

// GroupService.RunGroup: one call is one scope. However it ends before the group is over, by an exception
// too, the group is cancelled.
Handled RunGroup(CallContext& context, RunCall& call);

}  // namespace covey
