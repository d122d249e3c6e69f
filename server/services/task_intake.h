#pragma once

#include <vector>

#include "covey/v1/types.pb.h"
#include "server/edge/task.h"
#include "server/services/service_context.h"

namespace covey {

// The tasks of a checked request, as the engine takes them. Refuses one that this daemon cannot run: its
// function is not here, or its process asks for what is unknown (a user) or cannot be given (a user, a
// limit). Users are looked up on a reader thread.
edge::Task<Result<std::vector<TaskSpec>>> TakeTasks(
    const ServiceContext& context, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks);

}  // namespace covey
