#include "server/edge/writer.h"

#include <algorithm>

#include "server/edge/call.h"
#include "server/edge/message.h"

namespace covey::edge {

bool Writer::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  if (!Suspend(handle)) return false;
  writer_.turns_.push_back(this);
  writer_.StartNext();
  return true;
}

void Writer::Awaiter::Detach() {
  if (writer_.current_ == this) {
    writer_.current_ = nullptr;
  } else {
    std::erase(writer_.turns_, this);
  }
}

void Writer::StartNext() {
  if (in_flight_ || turns_.empty()) return;
  if (!StartWrite(turns_.front()->outgoing_, turns_.front()->flush_)) {
    Break();
    return;
  }
  current_ = turns_.front();
  turns_.pop_front();
  in_flight_ = true;
  call_.OperationStarted();
}

bool Writer::StartWrite(const Outgoing& outgoing, Flush flush) {
  if (outgoing.message == nullptr && outgoing.bytes == nullptr) {
    call_.StartHeaders(tag_);
    return true;
  }
  grpc::ByteBuffer encoded;
  const grpc::ByteBuffer& bytes = outgoing.bytes != nullptr ? *outgoing.bytes : encoded;
  const size_t limit = call_.rpc().max_send_bytes;
  const size_t size =
      outgoing.bytes != nullptr ? bytes.Length() : Serialize(*outgoing.message, limit, encoded);
  if (size > limit) {
    call_.OnUnsent(size);
    return false;
  }
  // The hint on a stream's first message makes gRPC 1.51 hold it back for ever.
  call_.StartWrite(bytes, flush == Flush::kWithNext && started_, tag_);
  started_ = true;
  return true;
}

void Writer::OnWritten(bool ok) {
  in_flight_ = false;
  if (current_ != nullptr) {
    current_->ok_ = ok;
    Scope::WakeUp(*current_, Wake::kDone);
  }
  if (ok) {
    StartNext();
  } else {
    Break();
  }
  call_.OperationEnded();
}

void Writer::Break() {
  broken_ = true;
  while (!turns_.empty()) Scope::WakeUp(*turns_.front(), Wake::kDone);
}

}  // namespace covey::edge
