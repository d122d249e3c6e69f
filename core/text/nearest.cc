#include "core/text/nearest.h"

#include <algorithm>
#include <cstddef>

namespace covey {
namespace {

// Optimal string alignment distance (https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance), O(|a| |b|).
size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string_view Nearest(std::string_view typed, const std::vector<std::string_view>& known) {
  constexpr size_t kLongest = 64;  // no name is as long; keeps the distance cheap
  if (typed.empty() || typed.size() > kLongest) return {};
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, typed.size() / 3) + 1;
  for (const std::string_view candidate : known) {
    const size_t distance = Distance(typed, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (!best.empty()) return best;
  for (const std::string_view candidate : known) {
    if (typed.size() >= 2 && candidate.starts_with(typed)) return candidate;
  }
  return {};
}

}  // namespace covey
