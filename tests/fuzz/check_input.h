#pragma once

#include <cstdint>
#include <string_view>

namespace covey {

// Takes any bytes as a request (the first byte says which), checks it, and takes what passed through the
// conversions there and back. Aborts when one of these holds not:
// - at most kMaxViolations are told, each with a field and a description of bounded length in printable text;
// - what passed converts into core's values and back into a message that passes, too;
// - neither environment values nor stdin come back.
void CheckInput(std::string_view input);

}  // namespace covey
