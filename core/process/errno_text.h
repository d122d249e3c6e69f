#pragma once

#include <string>
#include <system_error>

namespace covey {

// strerror(3) for any thread.
inline std::string ErrnoText(int error) { return std::generic_category().message(error); }

}  // namespace covey
