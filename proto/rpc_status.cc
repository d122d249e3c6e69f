#include "proto/rpc_status.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "proto/wire.h"

namespace covey::rpc {
namespace {

constexpr std::string_view kTypePrefix = "type.googleapis.com/";
constexpr std::string_view kErrorInfo = "google.rpc.ErrorInfo";
constexpr std::string_view kBadRequest = "google.rpc.BadRequest";
constexpr std::string_view kRetryInfo = "google.rpc.RetryInfo";

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// google.protobuf.Any.
std::string Pack(std::string_view type, std::string_view value) {
  wire::Writer any;
  any.AddBytes(1, std::string(kTypePrefix).append(type));
  any.AddBytes(2, value);
  return any.Take();
}

std::string EncodeErrorInfo(const ErrorInfo& info) {
  wire::Writer out;
  out.AddBytes(1, info.reason);
  out.AddBytes(2, info.domain);
  for (const auto& [key, value] : info.metadata) {
    wire::Writer entry;
    entry.AddBytes(1, key);
    entry.AddBytes(2, value);
    out.AddMessage(3, entry.Take());
  }
  return out.Take();
}

std::string EncodeBadRequest(const std::vector<FieldViolation>& violations) {
  wire::Writer out;
  for (const FieldViolation& violation : violations) {
    wire::Writer one;
    one.AddBytes(1, violation.field);
    one.AddBytes(2, violation.description);
    out.AddMessage(1, one.Take());
  }
  return out.Take();
}

std::string EncodeRetryInfo(std::chrono::nanoseconds delay) {
  wire::Writer duration;
  duration.AddVarint(1, static_cast<uint64_t>(delay.count() / kNanosPerSecond));
  duration.AddVarint(2, static_cast<uint64_t>(delay.count() % kNanosPerSecond));
  wire::Writer out;
  out.AddMessage(1, duration.Take());
  return out.Take();
}

// Two strings with the numbers 1 and 2.
bool DecodePair(std::string_view bytes, std::string* first, std::string* second) {
  wire::Reader reader(bytes);
  while (const std::optional<wire::Field> field = reader.Next()) {
    if (field->Is(1, wire::Type::kBytes)) *first = field->bytes;
    if (field->Is(2, wire::Type::kBytes)) *second = field->bytes;
  }
  return reader.ok();
}

bool DecodeErrorInfo(std::string_view bytes, ErrorInfo* info) {
  if (!DecodePair(bytes, &info->reason, &info->domain)) return false;
  wire::Reader reader(bytes);
  while (const std::optional<wire::Field> field = reader.Next()) {
    if (!field->Is(3, wire::Type::kBytes)) continue;
    std::string key;
    std::string value;
    if (!DecodePair(field->bytes, &key, &value)) return false;
    info->metadata[std::move(key)] = std::move(value);
  }
  return reader.ok();
}

bool DecodeBadRequest(std::string_view bytes, std::vector<FieldViolation>* violations) {
  wire::Reader reader(bytes);
  while (const std::optional<wire::Field> field = reader.Next()) {
    if (!field->Is(1, wire::Type::kBytes)) continue;
    FieldViolation& violation = violations->emplace_back();
    if (!DecodePair(field->bytes, &violation.field, &violation.description)) return false;
  }
  return reader.ok();
}

// A delay outside of the range of nanoseconds (292 years) is cut to it.
bool DecodeRetryInfo(std::string_view bytes, std::optional<std::chrono::nanoseconds>* delay) {
  constexpr int64_t kMostSeconds = std::chrono::nanoseconds::max().count() / kNanosPerSecond - 3;
  int64_t seconds = 0;
  int32_t nanos = 0;
  bool has_delay = false;
  wire::Reader reader(bytes);
  while (const std::optional<wire::Field> field = reader.Next()) {
    if (!field->Is(1, wire::Type::kBytes)) continue;
    has_delay = true;
    wire::Reader duration(field->bytes);
    while (const std::optional<wire::Field> part = duration.Next()) {
      if (part->Is(1, wire::Type::kVarint)) seconds = static_cast<int64_t>(part->varint);
      if (part->Is(2, wire::Type::kVarint)) nanos = static_cast<int32_t>(part->varint);
    }
    if (!duration.ok()) return false;
  }
  if (has_delay) {
    *delay =
        std::chrono::nanoseconds(std::clamp(seconds, -kMostSeconds, kMostSeconds) * kNanosPerSecond + nanos);
  }
  return reader.ok();
}

// Adds what one google.protobuf.Any holds. False when the Any itself cannot be read.
bool DecodeDetail(std::string_view bytes, StatusDetails* status) {
  std::string type;
  std::string value;
  if (!DecodePair(bytes, &type, &value)) return false;
  const size_t slash = type.rfind('/');
  if (slash == std::string::npos) return true;
  const std::string_view name = std::string_view(type).substr(slash + 1);
  if (name == kErrorInfo) {
    ErrorInfo info;
    if (DecodeErrorInfo(value, &info)) status->error_infos.push_back(std::move(info));
  } else if (name == kBadRequest) {
    std::vector<FieldViolation> violations;
    if (DecodeBadRequest(value, &violations)) {
      std::move(violations.begin(), violations.end(), std::back_inserter(status->field_violations));
    }
  } else if (name == kRetryInfo) {
    std::optional<std::chrono::nanoseconds> delay;
    if (DecodeRetryInfo(value, &delay)) status->retry_delay = delay;
  }
  return true;
}

}  // namespace

std::string Encode(const StatusDetails& status) {
  wire::Writer out;
  out.AddVarint(1, static_cast<uint64_t>(static_cast<int64_t>(status.code)));
  out.AddBytes(2, status.message);
  for (const ErrorInfo& info : status.error_infos) out.AddMessage(3, Pack(kErrorInfo, EncodeErrorInfo(info)));
  if (!status.field_violations.empty()) {
    out.AddMessage(3, Pack(kBadRequest, EncodeBadRequest(status.field_violations)));
  }
  if (status.retry_delay) out.AddMessage(3, Pack(kRetryInfo, EncodeRetryInfo(*status.retry_delay)));
  return out.Take();
}

std::optional<StatusDetails> Decode(std::string_view bytes) {
  StatusDetails status;
  wire::Reader reader(bytes);
  while (const std::optional<wire::Field> field = reader.Next()) {
    if (field->Is(1, wire::Type::kVarint)) status.code = static_cast<Code>(field->varint);
    if (field->Is(2, wire::Type::kBytes)) status.message = field->bytes;
    if (field->Is(3, wire::Type::kBytes) && !DecodeDetail(field->bytes, &status)) return std::nullopt;
  }
  if (!reader.ok()) return std::nullopt;
  return status;
}

}  // namespace covey::rpc
