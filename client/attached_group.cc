#include "covey/client/attached_group.h"

#include <optional>
#include <utility>

#include "client/ask.h"
#include "core/base/mutex.h"

namespace covey::client {
namespace {

// The call ended before it could say how its group did: cancelled, out of time, or lost with the daemon. Else
// the error itself is what there is to say.
bool CutOff(const Error& error) {
  return error.code == ErrorCode::kCancelled || error.code == ErrorCode::kDeadlineExceeded ||
         error.code == ErrorCode::kUnavailable;
}

}  // namespace

class AttachedGroup::State {
 public:
  std::string id() const COVEY_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return id_;
  }
  void SetId(const std::string& id) COVEY_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    id_ = id;
  }

  // Used by the reading side alone.
  std::optional<v1::GroupResult> result;
  std::optional<Result<v1::GroupResult>> end;  // what Finish has answered

 private:
  // Held for no call: the innermost lock.
  mutable Mutex mutex_;
  std::string id_ COVEY_GUARDED_BY(mutex_);
};

AttachedGroup::AttachedGroup(std::shared_ptr<Connection> connection, const v1::RunGroupRequest& first,
                             const CallOptions& options)
    : connection_(std::move(connection)),
      stream_(connection_->Open(methods::Named("/covey.v1.GroupService/RunGroup"), options)),
      state_(std::make_unique<State>()) {
  stream_.Write(first);  // a failure is Finish's to tell
}

AttachedGroup::~AttachedGroup() = default;

bool AttachedGroup::Add(const v1::TaskSpec& task) {
  v1::RunGroupRequest message;
  *message.add_tasks() = task;
  return Add(message);
}

bool AttachedGroup::Add(const std::vector<v1::TaskSpec>& tasks) {
  v1::RunGroupRequest message;
  for (const v1::TaskSpec& task : tasks) *message.add_tasks() = task;
  return Add(message);
}

bool AttachedGroup::Add(const v1::RunGroupRequest& message) { return stream_.Write(message); }

bool AttachedGroup::Seal() { return stream_.HalfClose(); }

bool AttachedGroup::Next(v1::RunGroupResponse* message) {
  if (!stream_.Next(message)) return false;
  if (message->has_created()) {
    state_->SetId(message->created().id());
  } else if (message->has_result()) {
    state_->result = message->result();
  }
  return true;
}

Result<v1::GroupResult> AttachedGroup::Finish(const CallOptions& join) {
  if (!state_->end) state_->end = End(join);
  return *state_->end;
}

Result<v1::GroupResult> AttachedGroup::End(const CallOptions& join) {
  for (v1::RunGroupResponse message; Next(&message);) {
  }
  const Result<Void> end = stream_.Finish();
  if (end.ok() && state_->result) return *std::move(state_->result);
  const Error error = end.ok() ? Error{.code = ErrorCode::kInternal,
                                       .reason = "NO_RESULT",
                                       .message = "the daemon ended the call without a result",
                                       .fields = {}}
                               : end.error();
  v1::WaitGroupRequest request;
  request.set_group_id(id());
  if (request.group_id().empty()) return error;
  // The call is over and its group cancelled; what ran may still be stopping.
  Result<v1::WaitGroupResponse> joined = Ask<v1::WaitGroupResponse>(
      *connection_, methods::Named("/covey.v1.GroupService/WaitGroup"), request, join);
  if (!joined.ok() || !CutOff(error)) return error;
  return std::move(*joined.value().mutable_result());
}

std::string AttachedGroup::id() const { return state_->id(); }

Result<v1::Group> AttachedGroup::Cancel(std::string_view reason, const CallOptions& options) {
  v1::CancelGroupRequest request;
  request.set_group_id(id());
  request.set_reason(std::string(reason));
  if (request.group_id().empty()) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "NO_ID",
                 .message = "the group's id is not known before the first message has been read",
                 .fields = {}};
  }
  Result<v1::CancelGroupResponse> answer = Ask<v1::CancelGroupResponse>(
      *connection_, methods::Named("/covey.v1.GroupService/CancelGroup"), request, options);
  if (!answer.ok()) return answer.error();
  return std::move(*answer.value().mutable_group());
}

void AttachedGroup::Abandon() { stream_.Cancel(); }

}  // namespace covey::client
