#pragma once

#include <cstdint>

namespace covey {

enum class OutputStream : uint8_t { kStdout = 1, kStderr = 2 };

}  // namespace covey
