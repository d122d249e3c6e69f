#pragma once

#include <chrono>

namespace covey {

// How long the sockets of a daemon that was killed may be open in children of it that had not executed their
// programs yet: milliseconds, more when the machine is busy. Who finds an address taken looks again for so
// long.
inline constexpr std::chrono::milliseconds kInheritance{500};

}  // namespace covey
