#include "server/edge/call.h"

#include <google/protobuf/message_lite.h>

#include <exception>
#include <utility>

#include "server/edge/errors.h"
#include "server/edge/message.h"

namespace covey::edge {
namespace {

bool HasOneResponse(Shape shape) { return shape == Shape::kUnary || shape == Shape::kClientStream; }

grpc::Status InternalError() { return {grpc::StatusCode::INTERNAL, "internal error"}; }

}  // namespace

Call::Call(Queue& queue, const Rpc& rpc)
    : queue_(queue),
      rpc_(rpc),
      scope_(queue, nullptr),
      handler_end_(*this),
      reader_(*this),
      writer_(*this),
      done_tag_(*this),
      finish_tag_(*this) {}

Error Call::EndError() const {
  if (refusal_) return *refusal_;
  return cancelled_ || !stopping() ? CallCancelled() : ServerStopping();
}

grpc::Status Call::EndStatus() const { return ToStatus(EndError()); }

bool Call::Parse(grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  const size_t size = bytes.Length();
  if (edge::Parse(bytes, message)) return true;
  if (!refusal_) refusal_ = MalformedMessage(message.GetTypeName(), size);
  reader_.Close();
  return false;
}

bool Call::SetLast(const google::protobuf::MessageLite& message) {
  const size_t size = Serialize(message, rpc_.max_send_bytes, last_);
  if (size <= rpc_.max_send_bytes) return true;
  OnUnsent(size);
  return false;
}

void Call::OnUnsent(size_t size) {
  unsent_ = true;
  if (!refusal_) refusal_ = AnswerTooLarge(size, rpc_.max_send_bytes);
}

void Call::Begin() {
  OperationStarted();  // the notification that the call is done
  queue_.AddCall(*this);
  if (stopping()) {
    EndWith(ToStatus(ServerStopping()));
    return;
  }
  try {
    task_ = rpc_.handler(*this);
  } catch (...) {
    // A handler that is no coroutine itself failed before it made one.
    queue_.Log("could not start the handler of ", rpc_.name);
    EndWith(InternalError());
    return;
  }
  queue_.RunIn(scope_, [this] { task_.Start(handler_end_); });
}

void Call::OnHandlerEnded() {
  grpc::Status status;
  try {
    status = task_.TakeResult();
    if (unsent_ && status.ok()) status = ToStatus(*refusal_);
  } catch (const std::exception& e) {
    queue_.Log(rpc_.name + ": the handler ended by an exception: ", e.what());
    status = InternalError();
  } catch (...) {
    queue_.Log(rpc_.name + ": the handler ended by an exception of an unknown type", "");
    status = InternalError();
  }
  task_ = Task<grpc::Status>();
  EndWith(std::move(status));
}

void Call::EndWith(grpc::Status status) {
  ended_ = true;
  status_ = std::move(status);
  FinishIfReady();
}

void Call::FinishIfReady() {
  if (!status_ || writer_.in_flight()) return;
  const grpc::Status status = *std::exchange(status_, std::nullopt);
  const bool one = HasOneResponse(rpc_.shape);
  COVEY_CHECK(!one || !status.ok() || last_.Valid());  // OK without a response
  OperationStarted();
  StartFinish(last_.Valid() && (status.ok() || !one) ? &last_ : nullptr, status, finish_tag_);
}

void Call::OnDone(bool) {
  cancelled_ = WasCancelled();
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
