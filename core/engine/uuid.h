#pragma once

#include <string>

#include "core/spec/wall_time.h"

namespace covey {

// A new UUID of version 7 (RFC 9562): time-ordered, the rest random.
std::string NewUuid(WallTime now);

}  // namespace covey
