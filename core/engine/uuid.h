#pragma once

#include <string>

namespace covey {

// A new UUID of version 4 (RFC 9562): random, so that its first characters tell it from others.
std::string NewUuid();

}  // namespace covey
