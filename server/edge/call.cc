#include "server/edge/call.h"

#include <exception>
#include <utility>

namespace covey::edge {
namespace {

const grpc::Status& StoppingStatus() {
  static const grpc::Status status(grpc::StatusCode::UNAVAILABLE, "the server is shutting down");
  return status;
}

}  // namespace

Call::Call(Queue& queue, std::string_view name)
    : queue_(queue),
      name_(name),
      scope_(queue, nullptr),
      handler_end_(*this),
      accept_tag_(*this),
      done_tag_(*this),
      finish_tag_(*this) {
  context_.AsyncNotifyWhenDone(static_cast<Tag*>(&done_tag_));
}

grpc::Status Call::EndStatus() const {
  if (cancelled_ || !stopping()) return grpc::Status(grpc::StatusCode::CANCELLED, "the call was cancelled");
  return StoppingStatus();
}

std::optional<Call::Clock::time_point> Call::deadline() const {
  const gpr_timespec deadline = context_.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) return std::nullopt;
  const gpr_timespec monotonic = gpr_convert_clock_type(deadline, GPR_CLOCK_MONOTONIC);
  return Clock::time_point(std::chrono::seconds(monotonic.tv_sec) +
                           std::chrono::nanoseconds(monotonic.tv_nsec));
}

std::optional<std::string_view> Call::metadata(std::string_view key) const {
  const auto& all = context_.client_metadata();
  const auto found = all.find(grpc::string_ref(key.data(), key.size()));
  if (found == all.end()) return std::nullopt;
  return std::string_view(found->second.data(), found->second.size());
}

void Call::Begin() {
  OperationStarted();  // the notification that the call is done
  queue_.AddCall(*this);
  if (stopping()) {
    ended_ = true;
    status_ = StoppingStatus();
    FinishIfReady();
    return;
  }
  try {
    task_ = MakeTask();
  } catch (...) {
    // A handler that is no coroutine itself failed before it made one.
    ended_ = true;
    queue_.Log("could not start the handler of ", name_);
    status_ = grpc::Status(grpc::StatusCode::INTERNAL, "internal error");
    FinishIfReady();
    return;
  }
  queue_.RunIn(scope_, [this] { task_.Start(handler_end_); });
}

void Call::OnHandlerEnded() {
  ended_ = true;
  try {
    status_ = task_.TakeResult();
  } catch (const std::exception& e) {
    queue_.Log(std::string(name_) + ": the handler ended by an exception: ", e.what());
    status_ = grpc::Status(grpc::StatusCode::INTERNAL, "internal error");
  } catch (...) {
    queue_.Log(std::string(name_) + ": the handler ended by an exception of an unknown type", "");
    status_ = grpc::Status(grpc::StatusCode::INTERNAL, "internal error");
  }
  task_ = Task<grpc::Status>();
  FinishIfReady();
}

void Call::FinishIfReady() {
  if (!status_ || !ReadyToFinish()) return;
  const grpc::Status status = *std::exchange(status_, std::nullopt);
  OperationStarted();
  StartFinish(status);
}

void Call::OnDone(bool) {
  cancelled_ = context_.IsCancelled();
  if (!ended_) scope_.Cancel();
  OperationEnded();
}

void Call::OnFinished(bool) { OperationEnded(); }

void Call::OperationEnded() {
  --operations_;
  FinishIfReady();
  if (operations_ > 0 || !ended_) return;
  queue_.RemoveCall(*this);
  delete this;
}

}  // namespace covey::edge
