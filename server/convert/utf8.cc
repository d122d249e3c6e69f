#include "server/convert/utf8.h"

#include <algorithm>
#include <cstdint>

namespace covey {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool IsContinuation(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }

}  // namespace

std::string ToUtf8(std::string_view bytes) {
  std::string text;
  for (;;) {
    const size_t valid = Utf8Prefix(bytes);
    text.append(bytes.substr(0, valid));
    if (valid == bytes.size()) return text;
    text.append(kReplacement);
    bytes.remove_prefix(valid + 1);
  }
}

size_t Utf8Length(std::string_view text) {
  return text.size() - static_cast<size_t>(std::count_if(text.begin(), text.end(), IsContinuation));
}

}  // namespace covey
