#pragma once

#include <string_view>

#include "covey/result.h"

namespace covey::client {

// "INVALID_ARGUMENT", "UNAVAILABLE", …: gRPC's names, for people and for JSON.
std::string_view Name(ErrorCode code);

}  // namespace covey::client
