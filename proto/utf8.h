#pragma once

#include <cstddef>
#include <string_view>

// The strings of the contract are UTF-8: a message with any other one cannot be read by its receiver.
namespace covey {

// Length of the longest prefix of `bytes` that is UTF-8 (RFC 3629: no surrogates, no overlong forms).
size_t Utf8Prefix(std::string_view bytes);
inline bool IsUtf8(std::string_view bytes) { return Utf8Prefix(bytes) == bytes.size(); }

}  // namespace covey
