#pragma once

#include <cstdint>
#include <string_view>

namespace covey {

// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/). `seed` continues an earlier hash.
inline uint64_t Fnv1a(std::string_view bytes, uint64_t seed = 0xcbf29ce484222325) {
  for (const char c : bytes) seed = (seed ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return seed;
}

}  // namespace covey
