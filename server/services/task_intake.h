#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "covey/v1/errors.pb.h"
#include "covey/v1/types.pb.h"
#include "server/edge/task.h"
#include "server/services/service_context.h"

namespace covey {

// The tasks of a checked request, as the engine takes them. Refuses one that this daemon cannot run: its
// function is not here, or its process asks for what is unknown (a user) or cannot be given (a user, a
// limit). Users are looked up on a reader thread.
edge::Task<Result<std::vector<TaskSpec>>> TakeTasks(
    const ServiceContext& context, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks);

// The same tasks once more, which need no further check.
std::vector<TaskSpec> TasksOf(const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks);

// The reason as the contract lists it; UNSPECIFIED when it does not.
v1::ErrorReason ReasonOf(const Error& error);

// What a refusal of one field says in one line: the field and what is wrong with it.
std::string InOneLine(const Error& error);

}  // namespace covey
