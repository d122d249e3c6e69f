#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace covey {

// One line a frame, the innermost first: "#0 Function(args) at file.cc:12". `frames` are return addresses.
// Ends before covey::RunCaught: what is below it is covey's own.
std::string StackText(std::span<const uintptr_t> frames);

}  // namespace covey
