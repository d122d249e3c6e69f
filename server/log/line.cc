#include "server/log/line.h"

#include <time.h>

#include <algorithm>
#include <cstdio>

#include "server/convert/utf8.h"

namespace covey {
namespace {

// What text is written between.
enum class Within : uint8_t { kNothing, kQuotes };

// At most `limit` bytes of valid UTF-8.
std::string Cut(std::string_view bytes, size_t limit) {
  if (bytes.size() <= limit) return ToUtf8(bytes);
  while (limit > 0 && (static_cast<unsigned char>(bytes[limit]) & 0xC0) == 0x80) --limit;
  return ToUtf8(bytes.substr(0, limit)) + "…";
}

// Names of tasks, processes and files are any bytes: none of them ends the line, moves the cursor or is no UTF-8. The
// C1 control characters (U+0080 to U+009F) and the separators of lines U+2028 and U+2029 are escaped like the others.
void Append(std::string_view bytes, size_t limit, Within within, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  const auto escape = [out](unsigned value) {
    *out += "\\u";
    for (const int shift : {12, 8, 4, 0}) *out += kHex[(value >> shift) & 0x0F];
  };
  const std::string text = Cut(bytes, limit);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte < 0x20 || byte == 0x7F) {
      escape(byte);
    } else if (byte == 0xC2 && next < 0xA0) {
      escape(next);
      ++i;
    } else if (byte == 0xE2 && next == 0x80 && (text[i + 2] == '\xA8' || text[i + 2] == '\xA9')) {
      escape(text[i + 2] == '\xA8' ? 0x2028 : 0x2029);
      i += 2;
    } else {
      if (within == Within::kQuotes && (byte == '"' || byte == '\\')) *out += '\\';
      *out += text[i];
    }
  }
}

bool IsPlainWord(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte < 0x7F && c != '"' && c != '\\' && c != '=';
  });
}

std::string_view NameOf(LogPart part) { return kLogParts[static_cast<size_t>(part)]; }
std::string_view NameOf(LogLevel level) { return kLogLevels[static_cast<size_t>(level)]; }

// RFC 3339, in UTC.
std::string TimeText(std::chrono::system_clock::time_point time, int digits) {
  const auto micros = std::chrono::floor<std::chrono::microseconds>(time.time_since_epoch()).count();
  const time_t seconds = micros / 1'000'000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  char day[32];
  strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &parts);
  char fraction[16];
  (void)std::snprintf(fraction, sizeof fraction, ".%06d", static_cast<int>(micros % 1'000'000));
  return day + std::string(fraction, static_cast<size_t>(digits) + 1) + "Z";
}

template <size_t kNames>
std::optional<size_t> IndexOf(const std::array<std::string_view, kNames>& names, std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<size_t>(found - names.begin());
}

void AppendMessage(const LogLine& line, std::string* out) {
  Append(line.message, kMaxLogMessage, Within::kNothing, out);
  for (const LogField& field : line.fields) {
    if (field.value.empty()) continue;
    *out += " " + std::string(field.key) + "=";
    const bool plain = IsPlainWord(field.value);
    if (!plain) *out += '"';
    Append(field.value, kMaxLogValue, plain ? Within::kNothing : Within::kQuotes, out);
    if (!plain) *out += '"';
  }
}

void AppendJson(std::string_view key, std::string_view value, size_t limit, std::string* out) {
  *out += out->empty() ? "{\"" : ",\"";
  *out += key;
  *out += "\":\"";
  Append(value, limit, Within::kQuotes, out);
  *out += '"';
}

// No value has a line end, so each field is one line.
void AppendEntry(std::string_view key, std::string_view value, std::string* out) {
  for (const char c : key) *out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  *out += '=';
  Append(value, kMaxLogValue, Within::kNothing, out);
  *out += '\n';
}

}  // namespace

std::optional<LogPart> LogPartOf(std::string_view name) {
  const std::optional<size_t> index = IndexOf(kLogParts, name);
  return index ? std::optional(static_cast<LogPart>(*index)) : std::nullopt;
}

std::optional<LogLevel> LogLevelOf(std::string_view name) {
  const std::optional<size_t> index = IndexOf(kLogLevels, name);
  return index ? std::optional(static_cast<LogLevel>(*index)) : std::nullopt;
}

std::string AsText(const LogLine& line) {
  std::string text = TimeText(line.time, 3) + " ";
  std::string level(NameOf(line.level));
  level.resize(8, ' ');
  text += level;
  AppendMessage(line, &text);
  return text + '\n';
}

std::string AsMessage(const LogLine& line) {
  std::string text;
  AppendMessage(line, &text);
  return text;
}

std::string AsJson(const LogLine& line) {
  std::string text;
  AppendJson("time", TimeText(line.time, 6), kMaxLogValue, &text);
  AppendJson("level", NameOf(line.level), kMaxLogValue, &text);
  AppendJson("message", line.message, kMaxLogMessage, &text);
  AppendJson("part", NameOf(line.part), kMaxLogValue, &text);
  if (!line.kind.empty()) AppendJson("kind", line.kind, kMaxLogValue, &text);
  for (const LogField& field : line.fields) {
    if (field.is_number) {
      text += ",\"" + std::string(field.key) + "\":" + field.value;
    } else if (!field.value.empty()) {
      AppendJson(field.key, field.value, kMaxLogValue, &text);
    }
  }
  return text + "}\n";
}

std::string AsJournal(const LogLine& line) {
  constexpr std::array<char, 4> kPriorities{'7', '6', '4', '3'};  // of syslog(3)
  std::string text = "MESSAGE=" + AsMessage(line) + "\nPRIORITY=";
  text += kPriorities[static_cast<size_t>(line.level)];
  text += "\nSYSLOG_IDENTIFIER=coveyd\n";
  AppendEntry("covey_part", NameOf(line.part), &text);
  if (!line.kind.empty()) AppendEntry("covey_kind", line.kind, &text);
  for (const LogField& field : line.fields) {
    if (!field.value.empty()) AppendEntry("covey_" + std::string(field.key), field.value, &text);
  }
  return text;
}

}  // namespace covey
