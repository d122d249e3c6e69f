#include "client/retrying_connection.h"

#include <atomic>
#include <utility>

#include "client/request_id.h"
#include "client/resuming_stream.h"

namespace covey::client {
namespace {

using Clock = Backoff::Clock;

constexpr std::chrono::hours kEndless{24 * 365 *
                                      10};  // longer than anybody waits, and no overflow of the clock

bool AdvanceEvents(const v1::StreamEventsResponse& message, v1::StreamEventsRequest* request) {
  if (request->group_id().empty()) {
    request->set_cursor(message.cursor());
    return true;
  }
  request->set_after(message.through());
  for (const v1::Event& event : message.events()) {
    if (event.kind() == v1::EVENT_KIND_GROUP_COMPLETED) return false;
  }
  return true;
}

bool AdvanceOutput(const v1::ReadOutputResponse& message, v1::ReadOutputRequest* request) {
  const v1::OutputChunk& chunk = message.chunk();
  request->set_attempt(chunk.attempt());  // the last one may be another after a restart
  request->set_offset(chunk.offset() + chunk.data().size());
  return !chunk.end();
}

class RetryingConnection final : public Connection {
 public:
  RetryingConnection(std::shared_ptr<Connection> inner, const RetryPolicy& policy)
      : inner_(std::move(inner)), policy_(policy) {}

  std::unique_ptr<RunGroupStream> RunGroup(const CallOptions& options) override {
    return inner_->RunGroup(options);
  }
  std::unique_ptr<TaskUpload> SubmitTaskStream(const CallOptions& options) override {
    return inner_->SubmitTaskStream(options);
  }
  std::unique_ptr<EventStream> StreamEvents(const v1::StreamEventsRequest& request,
                                            const CallOptions& options) override {
    return std::make_unique<ResumingStream<v1::StreamEventsRequest, v1::StreamEventsResponse>>(
        request, options, policy_, reached_,
        [inner = inner_](const auto& from, const CallOptions& call) {
          return inner->StreamEvents(from, call);
        },
        AdvanceEvents);
  }
  std::unique_ptr<OutputReader> ReadOutput(const v1::ReadOutputRequest& request,
                                           const CallOptions& options) override {
    return std::make_unique<ResumingStream<v1::ReadOutputRequest, v1::ReadOutputResponse>>(
        request, options, policy_, reached_,
        [inner = inner_](const auto& from, const CallOptions& call) { return inner->ReadOutput(from, call); },
        AdvanceOutput);
  }

  Result<v1::CreateGroupResponse> CreateGroup(const v1::CreateGroupRequest& request,
                                              const CallOptions& options) override {
    v1::CreateGroupRequest named = request;
    if (named.request_id().empty()) named.set_request_id(NewRequestId());
    return Insist(Repeat::kSafe, &Connection::CreateGroup, named, options);
  }
  Result<v1::SubmitTasksResponse> SubmitTasks(const v1::SubmitTasksRequest& request,
                                              const CallOptions& options) override {
    v1::SubmitTasksRequest named = request;
    if (named.request_id().empty()) named.set_request_id(NewRequestId());
    return Insist(Repeat::kSafe, &Connection::SubmitTasks, named, options);
  }
  Result<v1::SealGroupResponse> SealGroup(const v1::SealGroupRequest& request,
                                          const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::SealGroup, request, options);
  }
  Result<v1::WaitGroupResponse> WaitGroup(const v1::WaitGroupRequest& request,
                                          const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::WaitGroup, request, options);
  }
  Result<v1::CancelGroupResponse> CancelGroup(const v1::CancelGroupRequest& request,
                                              const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::CancelGroup, request, options);
  }
  Result<v1::GetGroupResponse> GetGroup(const v1::GetGroupRequest& request,
                                        const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::GetGroup, request, options);
  }
  Result<v1::ListGroupsResponse> ListGroups(const v1::ListGroupsRequest& request,
                                            const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::ListGroups, request, options);
  }
  Result<v1::DeleteGroupResponse> DeleteGroup(const v1::DeleteGroupRequest& request,
                                              const CallOptions& options) override {
    return Insist(Repeat::kUnsafe, &Connection::DeleteGroup, request, options);
  }
  Result<v1::GetTaskResponse> GetTask(const v1::GetTaskRequest& request,
                                      const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::GetTask, request, options);
  }
  Result<v1::ListTasksResponse> ListTasks(const v1::ListTasksRequest& request,
                                          const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::ListTasks, request, options);
  }
  Result<v1::WaitTaskResponse> WaitTask(const v1::WaitTaskRequest& request,
                                        const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::WaitTask, request, options);
  }
  Result<v1::CancelTaskResponse> CancelTask(const v1::CancelTaskRequest& request,
                                            const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::CancelTask, request, options);
  }
  Result<v1::CreatePoolResponse> CreatePool(const v1::CreatePoolRequest& request,
                                            const CallOptions& options) override {
    return Insist(Repeat::kUnsafe, &Connection::CreatePool, request, options);
  }
  Result<v1::GetPoolResponse> GetPool(const v1::GetPoolRequest& request,
                                      const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::GetPool, request, options);
  }
  Result<v1::ListPoolsResponse> ListPools(const v1::ListPoolsRequest& request,
                                          const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::ListPools, request, options);
  }
  Result<v1::UpdatePoolResponse> UpdatePool(const v1::UpdatePoolRequest& request,
                                            const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::UpdatePool, request, options);
  }
  Result<v1::ClosePoolResponse> ClosePool(const v1::ClosePoolRequest& request,
                                          const CallOptions& options) override {
    return Insist(Repeat::kUnsafe, &Connection::ClosePool, request, options);
  }
  Result<v1::GetServerInfoResponse> GetServerInfo(const v1::GetServerInfoRequest& request,
                                                  const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::GetServerInfo, request, options);
  }
  Result<v1::DrainResponse> Drain(const v1::DrainRequest& request, const CallOptions& options) override {
    return Insist(Repeat::kUnsafe, &Connection::Drain, request, options);
  }
  Result<v1::ReloadResponse> Reload(const v1::ReloadRequest& request, const CallOptions& options) override {
    return Insist(Repeat::kUnsafe, &Connection::Reload, request, options);
  }
  Result<v1::ExplainResponse> Explain(const v1::ExplainRequest& request,
                                      const CallOptions& options) override {
    return Insist(Repeat::kSafe, &Connection::Explain, request, options);
  }

 private:
  template <typename Request, typename Response>
  Result<Response> Insist(Repeat repeat,
                          Result<Response> (Connection::*method)(const Request&, const CallOptions&),
                          const Request& request, const CallOptions& options) {
    const Clock::time_point deadline = options.timeout && *options.timeout < kEndless
                                           ? Clock::now() + *options.timeout
                                           : Clock::time_point::max();
    CallOptions call = options;
    Backoff backoff(policy_);
    while (true) {
      const Clock::time_point begin = Clock::now();
      Result<Response> answer = ((*inner_).*method)(request, call);
      const bool lost = !answer.ok() && answer.error().code == ErrorCode::kUnavailable;
      if (!lost || answer.error().reason != "UNREACHABLE") *reached_ = true;
      if (!lost || !MayTryAgain(answer.error(), repeat) || !*reached_) return answer;
      // A long wait was cut off. What ends the daemon each time it is asked is not asked for ever.
      if (Clock::now() - begin > policy_.patience) backoff.Reset();
      if (!backoff.TryAgain(deadline)) return answer;
      if (options.timeout && deadline != Clock::time_point::max()) call.timeout = deadline - Clock::now();
    }
  }

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
