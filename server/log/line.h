#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace covey {

// What a line of the log is about: each part has a level of its own.
enum class LogPart : uint8_t { kDaemon, kGroups, kTasks, kCalls, kJournal, kProcesses, kLibraries };
inline constexpr std::array<std::string_view, 7> kLogParts{"daemon",  "groups",    "tasks",    "calls",
                                                           "journal", "processes", "libraries"};
enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };
inline constexpr std::array<std::string_view, 4> kLogLevels{"debug", "info", "warning", "error"};

// By the names above.
std::optional<LogPart> LogPartOf(std::string_view name);
std::optional<LogLevel> LogLevelOf(std::string_view name);

// One fact of a line beside its message. The value is any bytes: it is made harmless when it is written.
struct LogField {
  LogField(std::string_view its_key, std::string text) : key(its_key), value(std::move(text)) {}
  LogField(std::string_view its_key, uint64_t number)
      : key(its_key), value(std::to_string(number)), is_number(true) {}

  std::string_view key;  // lower case and '_'; of static storage
  std::string value;
  bool is_number = false;
};

inline constexpr size_t kMostLogLines = 10;

// A line before it is text.
struct LogLine {
  LogPart part = LogPart::kDaemon;
  LogLevel level = LogLevel::kInfo;
  // What has happened, in one word of a closed set, as in "group_decided": lines of one kind are limited in
  // their rate together. Empty: of no kind, and never left out.
  std::string_view kind{};
  std::string message;
  std::vector<LogField> fields{};  // those with an empty value are not written
  std::chrono::system_clock::time_point time = std::chrono::system_clock::now();
  // So many of a kind are written in Log::kWindow; the rest is counted.
  size_t most = kMostLogLines;
};

// What is written of a message and of a value, in bytes; an ellipsis stands for the rest.
inline constexpr size_t kMaxLogMessage = 4096;
inline constexpr size_t kMaxLogValue = 512;

// One line with its end, for people: the time, the level, the message, KEY=VALUE for each field. Values that are more
// than one plain word are in quotes.
std::string AsText(const LogLine& line);
// The same without time and level, and without the end.
std::string AsMessage(const LogLine& line);
// One line with its end, a JSON object: time, level, message, part, kind, and each field by its key.
std::string AsJson(const LogLine& line);
// A datagram of journald's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): MESSAGE, PRIORITY,
// SYSLOG_IDENTIFIER, and COVEY_PART, COVEY_KIND and COVEY_ with each field's key.
std::string AsJournal(const LogLine& line);

}  // namespace covey
