#pragma once

#include <string_view>

namespace covey {

// Takes the numbers 0 to 2 where the program was started without them, or the next file or socket would get
// one of them and be read or written as if it were the standard one. Reading or writing there fails, as it
// does with a closed descriptor. Returns the name of the closed one that cannot be done without, "standard
// output" or "standard error"; empty when both are there. Before anything else is opened.
std::string_view ReserveStandardDescriptors();

}  // namespace covey
