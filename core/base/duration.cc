#include "core/base/duration.h"

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>

namespace covey {
namespace {

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};

constexpr int64_t kSecond = 1'000'000'000;
constexpr Unit kUnits[] = {
    {"ns", 1},           {"us", 1'000},         {"ms", 1'000'000},       {"s", kSecond},
    {"m", 60 * kSecond}, {"h", 3600 * kSecond}, {"d", 86'400 * kSecond},
};

Error Bad(std::string_view text, std::string_view why) {
  return {.code = ErrorCode::kInvalidArgument,
          .reason = "BAD_DURATION",
          .message =
              "\"" + std::string(text) + "\" is no duration such as 10s, 1.5h or 250ms: " + std::string(why),
          .fields = {}};
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Takes digits from the front of `rest`: the value of "12" is 12. nullopt on overflow.
std::optional<int64_t> TakeWhole(std::string_view* rest) {
  int64_t value = 0;
  while (!rest->empty() && IsDigit(rest->front())) {
    if (__builtin_mul_overflow(value, 10, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, rest->front() - '0', &value)) return std::nullopt;
    rest->remove_prefix(1);
  }
  return value;
}

}  // namespace

Result<std::chrono::nanoseconds> ParseDuration(std::string_view text) {
  if (text.empty()) return Bad(text, "it is empty");
  if (text.front() == '-') return Bad(text, "it must not be negative");
  int64_t total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    if (!IsDigit(rest.front()) && rest.front() != '.') return Bad(text, "a number was expected");
    const std::optional<int64_t> whole = TakeWhole(&rest);
    if (!whole) return Bad(text, "it is too long");
    std::string_view fraction;
    if (!rest.empty() && rest.front() == '.') {
      rest.remove_prefix(1);
      size_t digits = 0;
      while (digits < rest.size() && IsDigit(rest[digits])) ++digits;
      if (digits == 0) return Bad(text, "digits are missing after the point");
      fraction = rest.substr(0, digits);
      rest.remove_prefix(digits);
    }
    size_t letters = 0;
    while (letters < rest.size() && !IsDigit(rest[letters]) && rest[letters] != '.') ++letters;
    const std::string_view name = rest.substr(0, letters);
    rest.remove_prefix(letters);
    const Unit* unit = nullptr;
    for (const Unit& candidate : kUnits) {
      if (candidate.name == name) unit = &candidate;
    }
    if (unit == nullptr) return Bad(text, "the units are ns, us, ms, s, m, h and d");
    int64_t part = 0;
    if (__builtin_mul_overflow(*whole, unit->nanoseconds, &part)) return Bad(text, "it is too long");
    int64_t digit_worth = unit->nanoseconds;
    for (const char digit : fraction) {
      // Units that ten does not divide (a day's nanoseconds run out of tens after 14 digits) round down.
      digit_worth /= 10;
      if (__builtin_add_overflow(part, (digit - '0') * digit_worth, &part))
        return Bad(text, "it is too long");
    }
    if (__builtin_add_overflow(total, part, &total)) return Bad(text, "it is too long");
  }
  return std::chrono::nanoseconds(total);
}

std::string DurationText(std::chrono::nanoseconds duration) {
  const int64_t ns = duration.count() < 0 ? 0 : duration.count();
  const int64_t seconds = ns / kSecond;
  std::array<char, 64> text{};
  const auto print = [&text](const char* format, auto... values) {
    std::snprintf(text.data(), text.size(), format, values...);
    return std::string(text.data());
  };
  using Long = long long;  // NOLINT: for printf
  if (ns < kSecond) return print("%lldms", static_cast<Long>(ns / 1'000'000));
  if (seconds < 10)
    return print("%lld.%02llds", static_cast<Long>(seconds), static_cast<Long>(ns % kSecond / 10'000'000));
  if (seconds < 60)
    return print("%lld.%llds", static_cast<Long>(seconds), static_cast<Long>(ns % kSecond / 100'000'000));
  if (seconds < 3600)
    return print("%lldm%02llds", static_cast<Long>(seconds / 60), static_cast<Long>(seconds % 60));
  if (seconds < 86'400) {
    return print("%lldh%02lldm", static_cast<Long>(seconds / 3600), static_cast<Long>(seconds / 60 % 60));
  }
  return print("%lldd%02lldh", static_cast<Long>(seconds / 86'400), static_cast<Long>(seconds / 3600 % 24));
}

std::string SecondsText(std::chrono::nanoseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", std::chrono::duration<double>(duration).count());
  return text;
}

}  // namespace covey
