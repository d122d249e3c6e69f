#pragma once

#include <memory>

#include "server/log/log.h"

namespace covey {

// From now on what gRPC and Protobuf have to say goes to `log`, as long as that lives. Of gRPC it is as much as
// GRPC_VERBOSITY asks for, errors by default. Process-wide; before other threads use either.
void TakeLibraryLines(const std::shared_ptr<Log>& log);

}  // namespace covey
