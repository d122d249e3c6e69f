#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Headers of tar archives (POSIX ustar, https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html), as far
// as regular files need them.
namespace covey::tar {

inline constexpr size_t kBlock = 512;

struct Header {
  std::string name;
  uint64_t size = 0;
};

// nullopt: the name is too long for a header (100 bytes behind the last '/', 155 before it).
std::optional<std::string> Encode(const Header& header);
// nullopt: it is no header of a regular file, or damaged.
std::optional<Header> Decode(std::string_view block);

// What follows `size` bytes up to the next block.
inline size_t Padding(uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

}  // namespace covey::tar
