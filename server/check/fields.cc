#include "server/check/fields.h"

#include <algorithm>

#include "server/convert/utf8.h"

namespace covey {
namespace {

constexpr size_t kMaxLabels = 64;
constexpr size_t kMaxLabelKey = 63;
constexpr size_t kMaxLabelValue = 255;
constexpr size_t kMaxAnnotationBytes = 16384;
constexpr size_t kMaxPageToken = 1024;
constexpr int kMaxPageSize = 1000;
constexpr int64_t kMaxProtoSeconds = 315'576'000'000;
constexpr int32_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;

// Not <cctype>: the locale must not decide what a name is.
bool IsAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool IsIdChar(char c) { return IsAlnum(c) || c == '.' || c == '_' || c == '-'; }
bool IsNameChar(char c) { return IsIdChar(c) || c == '/' || c == ':' || c == '@' || c == '+' || c == ' '; }

// False: something was wrong, or there is nothing to look at.
bool CheckSize(const FieldPath& path, std::string_view value, Presence presence, size_t max, Collector& out) {
  if (value.empty()) {
    if (presence == Presence::kRequired) out.Add(path, "is required");
    return false;
  }
  if (value.size() > max) {
    out.Add(path, "must have 1.." + std::to_string(max) + " characters, got " + std::to_string(value.size()));
    return false;
  }
  return true;
}

// False: there are too many to look at.
bool CheckKeys(const FieldPath& path, const LabelMap& map, Collector& out) {
  if (map.size() > kMaxLabels) {
    out.Add(path, "must have at most " + std::to_string(kMaxLabels) + " entries, got " +
                      std::to_string(map.size()));
    return false;
  }
  for (const auto& [key, value] : map) {
    const FieldPath entry = path.Key(key);
    if (key.empty()) {
      out.Add(entry, "keys must have 1.." + std::to_string(kMaxLabelKey) + " characters, got 0");
    } else {
      CheckName(entry, key, Presence::kRequired, out, kMaxLabelKey);
    }
  }
  return true;
}

}  // namespace

void CheckId(const FieldPath& path, std::string_view id, Presence presence, Collector& out) {
  if (!CheckSize(path, id, presence, kMaxName, out)) return;
  if (!IsAlnum(id.front()) || !std::all_of(id.begin(), id.end(), IsIdChar)) {
    out.Add(path,
            "must consist of letters, digits, '.', '_' and '-' and begin with a letter or a digit, got " +
                Quoted(id));
  }
}

void CheckName(const FieldPath& path, std::string_view name, Presence presence, Collector& out, size_t max) {
  if (!CheckSize(path, name, presence, max, out)) return;
  if (!IsAlnum(name.front()) || !IsIdChar(name.back()) ||
      !std::all_of(name.begin(), name.end(), IsNameChar)) {
    out.Add(path,
            "must consist of letters, digits, '.', '_' and '-', with '/', ':', '@', '+' and ' ' inside, and "
            "begin "
            "with a letter or a digit, got " +
                Quoted(name));
  }
}

void CheckText(const FieldPath& path, std::string_view text, size_t max, Collector& out) {
  if (text.size() <= max) return;  // a code point takes a byte or more
  const size_t length = Utf8Length(text);
  if (length > max) {
    out.Add(path, "must have at most " + std::to_string(max) + " characters, got " + std::to_string(length));
  }
}

void CheckBytes(const FieldPath& path, size_t size, size_t max, Collector& out) {
  if (size > max) {
    out.Add(path, "must have at most " + std::to_string(max) + " bytes, got " + std::to_string(size));
  }
}

void CheckRange(const FieldPath& path, int64_t value, int64_t low, int64_t high, Collector& out) {
  if (value < low || value > high) {
    out.Add(path, "must be " + std::to_string(low) + ".." + std::to_string(high) + ", got " +
                      std::to_string(value));
  }
}

void CheckLabels(const FieldPath& path, const LabelMap& labels, Collector& out) {
  if (!CheckKeys(path, labels, out)) return;
  for (const auto& [key, value] : labels) CheckText(path.Key(key), value, kMaxLabelValue, out);
}

void CheckAnnotations(const FieldPath& path, const LabelMap& annotations, Collector& out) {
  if (!CheckKeys(path, annotations, out)) return;
  size_t bytes = 0;
  for (const auto& [key, value] : annotations) bytes += key.size() + value.size();
  CheckBytes(path, bytes, kMaxAnnotationBytes, out);
}

void CheckDuration(const FieldPath& path, const google::protobuf::Duration& duration, int64_t max_seconds,
                   Collector& out) {
  const int64_t seconds = duration.seconds();
  const int32_t nanos = duration.nanos();
  if (seconds < -kMaxProtoSeconds || seconds > kMaxProtoSeconds || nanos <= -kNanosPerSecond ||
      nanos >= kNanosPerSecond || (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) {
    out.Add(path, "must be a valid google.protobuf.Duration, got seconds " + std::to_string(seconds) +
                      ", nanos " + std::to_string(nanos));
    return;
  }
  if (seconds < 0 || nanos < 0 || seconds > max_seconds || (seconds == max_seconds && nanos > 0)) {
    std::string got = std::to_string(seconds);
    if (nanos != 0) {
      std::string fraction = std::to_string(kNanosPerSecond + std::abs(nanos)).substr(1);
      if (seconds == 0 && nanos < 0) got.insert(0, "-");
      got += '.' + fraction;
    }
    out.Add(path, "must be 0 s .. " + std::to_string(max_seconds) + " s, got " + got + " s");
  }
}

void CheckTime(const FieldPath& path, const google::protobuf::Timestamp& time, Collector& out) {
  if (time.seconds() < kFirstSecond || time.seconds() > kLastSecond || time.nanos() < 0 ||
      time.nanos() >= kNanosPerSecond) {
    out.Add(path, "must be a valid google.protobuf.Timestamp, got seconds " + std::to_string(time.seconds()) +
                      ", nanos " + std::to_string(time.nanos()));
  }
}

void CheckView(const FieldPath& path, v1::View view, Collector& out) {
  CheckEnum(path, view, v1::View_IsValid(view), true, out);
}

void CheckPageSize(const FieldPath& path, int32_t size, Collector& out) {
  if (size != 0) CheckRange(path, size, 1, kMaxPageSize, out);
}

void CheckPageToken(const FieldPath& path, std::string_view token, Collector& out) {
  CheckBytes(path, token.size(), kMaxPageToken, out);
}

void CheckEnum(const FieldPath& path, int value, bool known, bool zero, Collector& out) {
  if (known && (zero || value != 0)) return;
  out.Add(path, "must be a known value, got " + (known ? std::string("UNSPECIFIED") : std::to_string(value)));
}

void CheckFilter(const FieldPath& path, const google::protobuf::RepeatedField<int>& values,
                 bool (*known)(int), Collector& out) {
  if (values.size() > kMaxFilterValues) {
    out.Add(path, "must have at most " + std::to_string(kMaxFilterValues) + " entries, got " +
                      std::to_string(values.size()));
    return;
  }
  for (int i = 0; i < values.size(); ++i)
    CheckEnum(path.Index(static_cast<size_t>(i)), values[i], known(values[i]), false, out);
}

}  // namespace covey
