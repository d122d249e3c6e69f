#pragma once

#include <google/protobuf/map.h>
#include <google/protobuf/repeated_field.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "covey/v1/types.pb.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/check/collector.h"

// Checks of single fields, used by the checks of requests and specs. Each adds what is wrong to `out`.
namespace covey {

using LabelMap = google::protobuf::Map<std::string, std::string>;

inline constexpr size_t kMaxName = 128;
inline constexpr int kMaxFilterValues = 64;
inline constexpr size_t kMaxReason = 1024;
inline constexpr uint32_t kMaxSlots = 65536;
inline constexpr int64_t kMaxTimeoutSeconds = 315'576'000;  // 10 years of 365.25 days

enum class Presence : uint8_t { kRequired, kOptional };

// Letters, digits, '.', '_', '-', beginning with a letter or a digit; 1..128.
void CheckId(const FieldPath& path, std::string_view id, Presence presence, Collector& out);
// As an id, with '/', ':', '@', '+' and ' ' inside as well; 1..`max`.
void CheckName(const FieldPath& path, std::string_view name, Presence presence, Collector& out,
               size_t max = kMaxName);
// At most `max` code points.
void CheckText(const FieldPath& path, std::string_view text, size_t max, Collector& out);
// At most `max` bytes.
void CheckBytes(const FieldPath& path, size_t size, size_t max, Collector& out);
void CheckRange(const FieldPath& path, int64_t value, int64_t low, int64_t high, Collector& out);
void CheckLabels(const FieldPath& path, const LabelMap& labels, Collector& out);
void CheckAnnotations(const FieldPath& path, const LabelMap& annotations, Collector& out);
// Well formed, 0 s .. `max_seconds`.
void CheckDuration(const FieldPath& path, const google::protobuf::Duration& duration, int64_t max_seconds,
                   Collector& out);
// Well formed: the years 1..9999.
void CheckTime(const FieldPath& path, const google::protobuf::Timestamp& time, Collector& out);
// How much is to be told.
void CheckView(const FieldPath& path, v1::View view, Collector& out);
// How long a call waits; absent: as long as it may last.
template <typename Request>
void CheckWait(const FieldPath& root, const Request& request, Collector& out) {
  if (request.has_timeout()) CheckDuration(root.Field("timeout"), request.timeout(), kMaxTimeoutSeconds, out);
}
// 0 (the default) or 1..1000.
void CheckPageSize(const FieldPath& path, int32_t size, Collector& out);
void CheckPageToken(const FieldPath& path, std::string_view token, Collector& out);
// A value that this version knows; `zero`: UNSPECIFIED is one.
void CheckEnum(const FieldPath& path, int value, bool known, bool zero, Collector& out);
// Values to filter by, UNSPECIFIED not being one: at most kMaxFilterValues.
void CheckFilter(const FieldPath& path, const google::protobuf::RepeatedField<int>& values,
                 bool (*known)(int), Collector& out);

}  // namespace covey
