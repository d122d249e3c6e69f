#include "server/journal/token.h"

#include "server/journal/hash.h"

namespace covey {
namespace {

constexpr char kVersion = 1;
constexpr size_t kBody = 2 + 3 * 8;   // version, kind, values
constexpr size_t kBytes = kBody + 4;  // and the checksum
constexpr size_t kText = kBytes * 4 / 3;
static_assert(kBytes % 3 == 0, "no padding");
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void Put(uint64_t value, size_t bytes, std::string* out) {
  for (size_t i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t Get(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

uint32_t TokenChecksum(std::string_view body, uint64_t identity) {
  std::string salted(body);
  Put(identity, 8, &salted);
  const uint64_t hash = Fnv1a(salted);
  return static_cast<uint32_t>(hash ^ hash >> 32);
}

}  // namespace

std::string Token::Encode(uint64_t identity) const {
  std::string bytes = {kVersion, static_cast<char>(kind)};
  for (const uint64_t value : values) Put(value, 8, &bytes);
  Put(TokenChecksum(bytes, identity), 4, &bytes);
  std::string text;
  for (size_t i = 0; i < kBytes; i += 3) {
    const uint32_t three = static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << 16 |
                           static_cast<uint32_t>(static_cast<uint8_t>(bytes[i + 1])) << 8 |
                           static_cast<uint8_t>(bytes[i + 2]);
    for (const int shift : {18, 12, 6, 0}) text.push_back(kAlphabet[three >> shift & 63]);
  }
  return text;
}

std::optional<Token> Token::Decode(std::string_view text, Kind kind, uint64_t identity) {
  if (text.size() != kText) return std::nullopt;
  std::string bytes;
  for (size_t i = 0; i < kText; i += 4) {
    uint32_t three = 0;
    for (const char c : text.substr(i, 4)) {
      const size_t six = kAlphabet.find(c);
      if (six == std::string_view::npos) return std::nullopt;
      three = three << 6 | static_cast<uint32_t>(six);
    }
    for (const int shift : {16, 8, 0}) bytes.push_back(static_cast<char>(three >> shift));
  }
  const std::string_view body = std::string_view(bytes).substr(0, kBody);
  if (Get(std::string_view(bytes).substr(kBody)) != TokenChecksum(body, identity)) return std::nullopt;
  if (body[0] != kVersion || body[1] != static_cast<char>(kind)) return std::nullopt;
  Token token{.kind = kind};
  for (size_t i = 0; i < token.values.size(); ++i) token.values[i] = Get(body.substr(2 + 8 * i, 8));
  return token;
}

}  // namespace covey
