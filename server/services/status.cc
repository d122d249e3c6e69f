#include "server/services/status.h"

#include <string>
#include <utility>

#include "proto/retryable.h"
#include "proto/rpc_status.h"
#include "server/edge/errors.h"

namespace covey {
namespace {

// gRPC refuses header lists over 8 KiB by default, and a call would end without its status.
constexpr size_t kMaxMessage = 1024;
constexpr size_t kMaxDetails = 4096;
constexpr size_t kMaxField = 256;
constexpr size_t kMaxDescription = 512;
constexpr size_t kViolationFrame = 9;  // tags and lengths of one violation, at most

// At most `limit` bytes, cut between characters.
std::string Shorten(const std::string& text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

}  // namespace

grpc::Status ToGrpc(const Error& error) {
  const grpc::StatusCode code = edge::ToStatusCode(error.code);
  rpc::StatusDetails details{.code = static_cast<rpc::Code>(code),
                             .message = Shorten(error.message, kMaxMessage)};
  details.error_infos.push_back({.reason = error.reason, .domain = "covey"});
  if (IsRetryable(error.reason)) details.retry_delay = kRetryDelay;
  size_t size = 0;
  for (const FieldViolation& violation : error.fields) {
    rpc::FieldViolation told{.field = Shorten(violation.field, kMaxField),
                             .description = Shorten(violation.description, kMaxDescription)};
    size += told.field.size() + told.description.size() + kViolationFrame;
    if (size > kMaxDetails && !details.field_violations.empty()) break;
    details.field_violations.push_back(std::move(told));
  }
  return {code, details.message, rpc::Encode(details)};
}

}  // namespace covey
