#pragma once

#include <cstdint>
#include <string>

#include "server/services/dispatcher.h"

// What the calls that end work, or wait for its end, share.
namespace covey {

// Ends when the group is over.
Handled GroupOver(CallContext& context, const GroupPtr& group);
// Ends when the task is over.
Handled TaskOver(CallContext& context, const GroupPtr& group, uint32_t task);

// Why something is cancelled for which a client asked; `reason` may be empty.
Failure CancelledByRequest(const std::string& reason);

}  // namespace covey
