#pragma once

#include <string>
#include <string_view>

#include "proto/utf8.h"

namespace covey {

// Each byte that does not belong to UTF-8 replaced by U+FFFD. Text of tasks (an exception's message, the tail
// of stderr) is any bytes; one that is not UTF-8 in a `string` field makes the whole message unreadable for
// its receiver.
std::string ToUtf8(std::string_view bytes);

// Code points of valid UTF-8.
size_t Utf8Length(std::string_view text);

}  // namespace covey
