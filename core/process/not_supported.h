#pragma once

#include <string>
#include <utility>

#include "covey/result.h"

namespace covey {

// Why processes cannot be supervised here.
inline Error NotSupported(std::string message) {
  return {.code = ErrorCode::kFailedPrecondition,
          .reason = "PROCESSES_NOT_SUPPORTED",
          .message = std::move(message),
          .fields = {}};
}

}  // namespace covey
