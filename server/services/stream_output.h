#pragma once

#include "server/services/dispatcher.h"

namespace covey {

using StreamOutputCall = edge::ServerStream<v1::StreamOutputRequest, v1::StreamOutputResponse>;

// GroupService.StreamOutput: the output of a whole group as one stream.
Handled StreamOutput(CallContext& context, StreamOutputCall& call, const GroupPtr& group);

}  // namespace covey
