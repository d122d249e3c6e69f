#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace covey {

// "1 task", "3 tasks".
inline std::string Plural(uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

// "1 process", "3 processes".
inline std::string Plural(uint64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

}  // namespace covey
