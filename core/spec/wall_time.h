#pragma once

#include <chrono>

namespace covey {

// An instant of the clock on the wall, as events and specs keep it. Zero: none.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

}  // namespace covey
