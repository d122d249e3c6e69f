#include "client/cli/when.h"

#include <google/protobuf/util/time_util.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <optional>

#include "client/cli/command_line.h"
#include "client/cli/text.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

using google::protobuf::Timestamp;
using google::protobuf::util::TimeUtil;

// `pattern`: d for a digit, anything else for itself.
bool LooksLike(std::string_view text, std::string_view pattern) {
  return text.size() == pattern.size() &&
         std::equal(text.begin(), text.end(), pattern.begin(), [](char c, char wanted) {
           return wanted == 'd' ? std::isdigit(static_cast<unsigned char>(c)) != 0 : c == wanted;
         });
}

int Number(std::string_view digits) {
  int number = 0;
  for (const char c : digits) number = number * 10 + (c - '0');
  return number;
}

tm Broken(time_t seconds, bool local) {
  tm fields{};
  (void)(local ? localtime_r(&seconds, &fields) : gmtime_r(&seconds, &fields));
  return fields;
}

// "18:00" or "18:00:09" into `fields`.
bool TakeClock(std::string_view text, tm* fields) {
  if (!LooksLike(text, "dd:dd") && !LooksLike(text, "dd:dd:dd")) return false;
  fields->tm_hour = Number(text.substr(0, 2));
  fields->tm_min = Number(text.substr(3, 2));
  fields->tm_sec = text.size() > 5 ? Number(text.substr(6, 2)) : 0;
  return fields->tm_hour < 24 && fields->tm_min < 60 && fields->tm_sec < 60;
}

// "2026-11-27", a day that there is.
bool TakeDay(std::string_view text, tm* fields) {
  if (!LooksLike(text, "dddd-dd-dd")) return false;
  *fields = {};
  fields->tm_year = Number(text.substr(0, 4)) - 1900;
  fields->tm_mon = Number(text.substr(5, 2)) - 1;
  fields->tm_mday = Number(text.substr(8, 2));
  fields->tm_hour = 12;  // no change of the clocks moves noon to another day
  tm day = *fields;
  if (timegm(&day) == -1) return false;
  fields->tm_hour = 0;
  return day.tm_year == fields->tm_year && day.tm_mon == fields->tm_mon && day.tm_mday == fields->tm_mday;
}

std::optional<time_t> Local(tm fields) {
  fields.tm_isdst = -1;
  const time_t seconds = mktime(&fields);
  return seconds == -1 ? std::nullopt : std::optional(seconds);
}

// What is said in terms of the clock and the calendar here.
std::optional<time_t> ParseLocal(std::string_view text, time_t now) {
  tm fields = Broken(now, true);
  if (TakeClock(text, &fields)) {
    std::optional<time_t> today = Local(fields);
    if (!today || *today <= now) return today;
    --fields.tm_mday;
    return Local(fields);
  }
  if (text == "today" || text == "yesterday") {
    fields.tm_hour = fields.tm_min = fields.tm_sec = 0;
    if (text == "yesterday") --fields.tm_mday;
    return Local(fields);
  }
  constexpr size_t kDay = 10;
  if (!TakeDay(text.substr(0, kDay), &fields)) return std::nullopt;
  if (text.size() == kDay) return Local(fields);
  if (text[kDay] != ' ' && text[kDay] != 'T') return std::nullopt;
  return TakeClock(text.substr(kDay + 1), &fields) ? Local(fields) : std::nullopt;
}

std::string Ago(std::chrono::seconds age) {
  using std::chrono::hours;
  using std::chrono::minutes;
  constexpr hours kDay{24};
  const auto text = [](int64_t count, const char* unit) { return std::to_string(count) + unit + " ago"; };
  if (age < std::chrono::seconds(1)) return "now";
  if (age < minutes(2)) return text(age.count(), "s");
  if (age < hours(2)) return text(age / minutes(1), "m");
  if (age < 2 * kDay) return text(age / hours(1), "h");
  return text(age / kDay, "d");
}

}  // namespace

Result<Timestamp> ParseWhen(std::string_view option, std::string_view text, WallClock::time_point now) {
  if (text == "now") return TimeUtil::TimeTToTimestamp(WallClock::to_time_t(now));
  if (const Result<std::chrono::nanoseconds> ago = ParseDuration(text); ago.ok()) {
    const auto instant = now.time_since_epoch() - ago.value();
    return TimeUtil::NanosecondsToTimestamp(
        std::chrono::duration_cast<std::chrono::nanoseconds>(instant).count());
  }
  if (const auto seconds = ParseLocal(text, WallClock::to_time_t(now)))
    return TimeUtil::TimeTToTimestamp(*seconds);
  Timestamp time;
  if (TimeUtil::FromString(std::string(text), &time)) return time;
  return UsageError(
      "--" + std::string(option) +
      " must be a time as 18:00, 2026-11-27, yesterday or 2026-11-27T18:00:00Z, or how long ago it "
      "was as 2h, got " +
      (text.empty() ? "nothing" : Printable(text)));
}

Times ReadTimes(std::string_view value, Times otherwise) {
  if (value == "relative") return Times::kRelative;
  if (value == "local") return Times::kLocal;
  return value == "utc" ? Times::kUtc : otherwise;
}

std::string WhenText(const Timestamp& time, Times times, WallClock::time_point now) {
  if (time.seconds() == 0 && time.nanos() == 0) return "-";
  if (times == Times::kRelative) {
    const std::chrono::seconds then(time.seconds());
    return Ago(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) - then);
  }
  const tm fields = Broken(time.seconds(), times == Times::kLocal);
  std::array<char, 32> text{};
  strftime(text.data(), text.size(), times == Times::kLocal ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ",
           &fields);
  return text.data();
}

}  // namespace covey::cli
