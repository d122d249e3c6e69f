#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "covey/v1/errors.pb.h"
#include "server/metrics/parts.h"

// Calls, named as gRPC's own instrumentation of other languages names them, so that its dashboards work.
namespace covey::metrics {
namespace {

constexpr std::array<std::string_view, CallStats::kCodes> kCodeNames{
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};

std::string_view TypeName(methods::Shape shape) {
  switch (shape) {
    case methods::Shape::kUnary:
      return "unary";
    case methods::Shape::kServerStream:
      return "server_stream";
    case methods::Shape::kClientStream:
      return "client_stream";
    case methods::Shape::kBidi:
      return "bidi_stream";
  }
  return "unknown";
}

static_assert(v1::ErrorReason_ARRAYSIZE <= CallStats::kReasons);

// `name` is as on the wire: "/covey.v1.GroupService/GetGroup".
Labels LabelsOf(std::string_view name) {
  const size_t slash = name.rfind('/');
  return {{"grpc_type", std::string(TypeName(methods::Find(name)->shape))},
          {"grpc_service", std::string(name.substr(1, slash - 1))},
          {"grpc_method", std::string(name.substr(slash + 1))}};
}

}  // namespace

void AddCalls(const CallStats& calls, Families& families) {
  const std::vector<CallStats::Ended> ended = calls.ended();
  const std::vector<CallStats::Open> open = calls.open();
  {
    Family handled = Counter(families, "grpc_server_handled_total", "Calls that have ended, by code.");
    for (const CallStats::Ended& row : ended) {
      Labels labels = LabelsOf(row.method);
      labels.push_back({"grpc_code", std::string(kCodeNames[static_cast<size_t>(row.code)])});
      handled.Add(std::move(labels), static_cast<double>(row.calls));
    }
  }
  {
    Family started = Counter(families, "grpc_server_started_total", "Calls that have begun.");
    for (const methods::Method& method : methods::kMethods) {
      uint64_t begun = 0;
      for (const CallStats::Ended& row : ended) begun += row.method == method.name ? row.calls : 0;
      for (const CallStats::Open& row : open) begun += row.method == method.name ? row.calls : 0;
      started.Add(LabelsOf(method.name), static_cast<double>(begun));
    }
  }
  {
    Family under_way =
        Gauge(families, "covey_calls_open", "Calls under way; of streams, those who read them.");
    for (const methods::Method& method : methods::kMethods) {
      const auto row = std::find_if(open.begin(), open.end(),
                                    [&](const auto& each) { return each.method == method.name; });
      under_way.Add(LabelsOf(method.name), row == open.end() ? 0 : static_cast<double>(row->calls));
    }
  }
  {
    Family refused = Counter(families, "covey_calls_refused_total",
                             "Calls that ended by an error, by its reason in the contract.");
    for (int reason = 1; reason < v1::ErrorReason_ARRAYSIZE; ++reason) {
      const uint64_t count = calls.refused(static_cast<uint32_t>(reason));
      const bool awaited = reason == v1::ERROR_REASON_QUEUE_FULL;  // there from the beginning
      if (!awaited && count == 0) continue;
      std::string name = v1::ErrorReason_Name(static_cast<v1::ErrorReason>(reason));
      refused.Add({{"reason", name.substr(std::string_view("ERROR_REASON_").size())}},
                  static_cast<double>(count));
    }
  }
  Family times =
      HistogramFamily(families, "grpc_server_handling_seconds", "How long calls took, however they ended.");
  for (const CallStats::Times& row : calls.times())
    times.Add(LabelsOf(row.method), row.times, Family::kMicroseconds);
}

}  // namespace covey::metrics
