#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace covey {

// A program that has processes and cgroups, named so that others on this machine, and later itself, can see
// whether it still lives. A pid names nobody outside its pid namespace, nor for long.
struct Owner {
  uint64_t pid_namespace = 0;  // inode; 0: cannot be known
  pid_t pid = 0;               // in that namespace
  uint64_t start_ticks = 0;

  enum class Fate : uint8_t { kAlive, kDead, kUnknown };

  static Owner Self();
  // "4026531836.1234.567890", and back.
  std::string Text() const;
  static std::optional<Owner> Parse(std::string_view text);

  // kUnknown: it belongs to another pid namespace than ours, or cannot be looked up just now.
  Fate Look() const;

  bool operator==(const Owner&) const = default;
};

}  // namespace covey
