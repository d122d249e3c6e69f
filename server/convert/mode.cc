#include <algorithm>

#include "server/convert/convert.h"

namespace covey {

std::optional<mode_t> ParseMode(std::string_view text) {
  constexpr size_t kMostDigits = 4;
  if (text.empty() || text.size() > kMostDigits) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '7'; }))
    return std::nullopt;
  mode_t mode = 0;
  for (const char c : text) mode = mode * 8 + static_cast<mode_t>(c - '0');
  return mode <= 0777 ? std::optional(mode) : std::nullopt;
}

std::string ModeText(mode_t mode) {
  std::string text;
  for (; mode != 0; mode /= 8) text.insert(text.begin(), static_cast<char>('0' + mode % 8));
  return "0" + text;
}

}  // namespace covey
