#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace covey {

// The opaque words that a journal hands out and takes back: cursors of Watch, page tokens of List and Oldest. Printable
// (base64url), with a version, a kind, and a checksum over all of it and the identity of the journal, so that
// what was cut off, mistyped or made by another journal is refused. Not a secret: they protect against
// mistakes.
struct Token {
  enum class Kind : uint8_t { kCursor = 1, kPage = 2, kEnded = 3 };

  Kind kind = Kind::kCursor;
  std::array<uint64_t, 3> values{};

  std::string Encode(uint64_t identity) const;
  static std::optional<Token> Decode(std::string_view text, Kind kind, uint64_t identity);
};

}  // namespace covey
