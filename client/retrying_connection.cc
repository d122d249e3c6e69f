#include "client/retrying_connection.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <atomic>
#include <optional>
#include <utility>

#include "client/resuming_stream.h"
#include "client/resuming_upload.h"
#include "client/retry.h"
#include "covey/v1/event_service.pb.h"
#include "covey/v1/group_service.pb.h"
#include "covey/v1/task_service.pb.h"

namespace covey::client {
namespace {

using Clock = Backoff::Clock;
using google::protobuf::Message;
using methods::Method;
using methods::Repeat;

bool AdvanceEvents(const Message& answer, Message* question) {
  const auto& message = static_cast<const v1::StreamEventsResponse&>(answer);
  auto& request = static_cast<v1::StreamEventsRequest&>(*question);
  if (request.group_id().empty()) {
    request.set_cursor(message.cursor());
    return true;
  }
  request.set_after(message.through());
  for (const v1::Event& event : message.events()) {
    if (event.kind() == v1::EVENT_KIND_GROUP_COMPLETED) return false;
  }
  return true;
}

bool AdvanceOutput(const Message& answer, Message* question) {
  const v1::OutputChunk& chunk = static_cast<const v1::ReadOutputResponse&>(answer).chunk();
  auto& request = static_cast<v1::ReadOutputRequest&>(*question);
  request.set_attempt(chunk.attempt());  // the last one may be another after a restart
  request.set_offset(chunk.offset() + chunk.data().size());
  return !chunk.end();
}

bool AdvanceGroupOutput(const Message& answer, Message* question) {
  static_cast<v1::StreamOutputRequest&>(*question).set_cursor(
      static_cast<const v1::StreamOutputResponse&>(answer).cursor());
  return true;
}

// How the stream of a method goes on; null for one that is not resumed.
const Resumption* ResumptionOf(const Method& method) {
  static const Resumption events{v1::StreamEventsResponse::default_instance(), AdvanceEvents};
  static const Resumption output{v1::ReadOutputResponse::default_instance(), AdvanceOutput};
  static const Resumption group_output{v1::StreamOutputResponse::default_instance(), AdvanceGroupOutput};
  if (method.name == methods::Named("/covey.v1.EventService/StreamEvents").name) return &events;
  if (method.name == methods::Named("/covey.v1.GroupService/StreamOutput").name) return &group_output;
  if (method.name == methods::Named("/covey.v1.TaskService/ReadOutput").name) return &output;
  return nullptr;
}

// How `request` may be repeated: without a request id one that needs it may not.
Repeat RepeatOf(const Method& method, const Message& request) {
  if (method.repeat != Repeat::kWithRequestId) return method.repeat;
  const google::protobuf::FieldDescriptor* const id = request.GetDescriptor()->FindFieldByName("request_id");
  const bool has_id = id != nullptr && !request.GetReflection()->GetString(request, id).empty();
  return has_id ? Repeat::kWithRequestId : Repeat::kNever;
}

// A stream that is not made again; it notes that the daemon was there.
class NotedStream final : public MessageStream {
 public:
  NotedStream(std::unique_ptr<MessageStream> stream, std::shared_ptr<std::atomic<bool>> reached)
      : stream_(std::move(stream)), reached_(std::move(reached)) {}

  bool Next(Message* message) override {
    const bool got = stream_->Next(message);
    if (got) *reached_ = true;
    return got;
  }
  bool Write(const Message& message) override { return stream_->Write(message); }
  bool HalfClose() override { return stream_->HalfClose(); }
  Result<Void> Finish() override {
    Result<Void> end = stream_->Finish();
    if (end.ok() || HasAnswered(end.error())) *reached_ = true;
    return end;
  }
  void Cancel() override { stream_->Cancel(); }

 private:
  const std::unique_ptr<MessageStream> stream_;
  const std::shared_ptr<std::atomic<bool>> reached_;
};

class RetryingConnection final : public Connection {
 public:
  RetryingConnection(std::shared_ptr<Connection> inner, const RetryPolicy& policy)
      : inner_(std::move(inner)), policy_(policy) {}

  Result<Void> Call(const Method& method, const Message& request, Message* answer,
                    const CallOptions& options) override {
    const Clock::time_point deadline = DeadlineOf(options);
    const Repeat repeat = RepeatOf(method, request);
    std::optional<std::chrono::nanoseconds> after;
    CallOptions call = options;
    if (call.retry_after == nullptr) call.retry_after = &after;
    Backoff backoff(policy_);
    while (true) {
      const Clock::time_point begin = Clock::now();
      const Result<Void> end = inner_->Call(method, request, answer, call);
      if (end.ok() || HasAnswered(end.error())) *reached_ = true;
      if (end.ok() || !MayTryAgain(end.error(), repeat, call.retry_after->has_value()) || !*reached_)
        return end;
      // A long wait was cut off. What ends the daemon each time it is asked is not asked for ever.
      if (Clock::now() - begin > policy_.patience) backoff.Reset();
      if (!backoff.TryAgain(deadline, call.retry_after->value_or(Clock::duration::zero()))) return end;
      if (deadline != Clock::time_point::max()) call.timeout = deadline - Clock::now();
    }
  }
  std::unique_ptr<MessageStream> Read(const Method& method, const Message& request,
                                      const CallOptions& options) override {
    const Resumption* const resumption = ResumptionOf(method);
    if (resumption == nullptr) return inner_->Read(method, request, options);
    return std::make_unique<ResumingStream>(
        request, options, policy_, reached_,
        [inner = inner_, &method](const Message& from, const CallOptions& call) {
          return inner->Read(method, from, call);
        },
        *resumption);
  }
  std::unique_ptr<MessageStream> Open(const Method& method, const CallOptions& options) override {
    if (method.name != methods::Named("/covey.v1.GroupService/SubmitTaskStream").name)
      return std::make_unique<NotedStream>(inner_->Open(method, options), reached_);
    return std::make_unique<ResumingUpload>(
        options, policy_, reached_,
        [inner = inner_, &method](const CallOptions& call) { return inner->Open(method, call); });
  }

 private:
  const std::shared_ptr<Connection> inner_;
  const RetryPolicy policy_;
  const std::shared_ptr<std::atomic<bool>> reached_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace

std::shared_ptr<Connection> MakeRetryingConnection(std::shared_ptr<Connection> inner,
                                                   const RetryPolicy& policy) {
  return std::make_shared<RetryingConnection>(std::move(inner), policy);
}

}  // namespace covey::client
