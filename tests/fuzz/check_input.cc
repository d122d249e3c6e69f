#include "tests/fuzz/check_input.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <string>
#include <type_traits>

#include "core/base/check.h"
#include "server/check/check.h"
#include "server/convert/convert.h"
#include "server/convert/utf8.h"

namespace covey {
namespace {

constexpr size_t kMaxDescription = 2000;

Violations CheckAny(const v1::RunGroupRequest& request) { return Check(request, request.has_options()); }
Violations CheckAny(const v1::SubmitTaskStreamRequest& request) { return Check(request, request.number()); }
template <typename Request>
Violations CheckAny(const Request& request) {
  return Check(request);
}

void RoundTrip(const v1::GroupSpec& spec) {
  v1::CreateGroupRequest again;
  *again.mutable_spec() = ToProto(ToCore(spec, "id"));
  COVEY_CHECK(Check(again).empty());
}

void RoundTrip(const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks) {
  v1::SubmitTasksRequest again;
  again.set_group_id("id");
  for (const v1::TaskSpec& task : tasks) *again.add_tasks() = ToProto(ToCore(task));
  COVEY_CHECK(tasks.empty() || Check(again).empty());
  for (const v1::TaskSpec& task : again.tasks()) {
    COVEY_CHECK(task.process().env().empty() && task.process().standard_input().empty());
  }
  v1::SubmitTasksRequest parsed;
  COVEY_CHECK(parsed.ParseFromString(again.SerializeAsString()));
}

template <typename Request>
void Try(std::string_view bytes) {
  Request request;
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  const Violations violations = CheckAny(request);
  COVEY_CHECK(violations.size() <= kMaxViolations);
  for (const FieldViolation& violation : violations) {
    COVEY_CHECK(!violation.field.empty() && !violation.description.empty());
    COVEY_CHECK(violation.description.size() <= kMaxDescription);
    COVEY_CHECK(IsUtf8(violation.description) && IsUtf8(violation.field));
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
    COVEY_CHECK(std::none_of(violation.description.begin(), violation.description.end(), control));
  }
  COVEY_CHECK(Fingerprint(request) == Fingerprint(request));
  if (!violations.empty()) return;
  if constexpr (std::is_same_v<Request, v1::RunGroupRequest>) {
    RoundTrip(request.options().spec());
    RoundTrip(request.tasks());
  } else if constexpr (std::is_same_v<Request, v1::CreateGroupRequest>) {
    RoundTrip(request.spec());
    RoundTrip(request.tasks());
  } else if constexpr (std::is_same_v<Request, v1::SubmitTasksRequest> ||
                       std::is_same_v<Request, v1::SubmitTaskStreamRequest>) {
    RoundTrip(request.tasks());
  } else if constexpr (std::is_same_v<Request, v1::ListGroupsRequest>) {
    (void)ToCore(request);
  }
}

template <typename... Requests>
void TryOneOf(size_t which, std::string_view bytes) {
  using Function = void (*)(std::string_view);
  constexpr Function kAll[] = {Try<Requests>...};
  kAll[which % sizeof...(Requests)](bytes);
}

}  // namespace

void CheckInput(std::string_view input) {
  if (input.empty()) return;
  const google::protobuf::LogSilencer silencer;  // it logs each text that is not UTF-8
  TryOneOf<v1::CreateGroupRequest, v1::RunGroupRequest, v1::SubmitTasksRequest, v1::SubmitTaskStreamRequest,
           v1::ListGroupsRequest, v1::CancelGroupRequest, v1::SealGroupRequest, v1::WaitGroupRequest,
           v1::GetGroupRequest, v1::DeleteGroupRequest, v1::GetTaskRequest, v1::ListTasksRequest,
           v1::WaitTaskRequest, v1::CancelTaskRequest, v1::ReadOutputRequest, v1::CreatePoolRequest,
           v1::UpdatePoolRequest, v1::GetPoolRequest, v1::ClosePoolRequest, v1::StreamEventsRequest,
           v1::ExplainRequest, v1::StreamOutputRequest>(static_cast<uint8_t>(input[0]), input.substr(1));
}

}  // namespace covey
