#include "server/edge/reader.h"

#include "core/base/check.h"
#include "server/edge/call.h"

namespace covey::edge {

bool Reader::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  COVEY_CHECK(reader_.waiter_ == nullptr);  // one coroutine reads at a time
  if (!Suspend(handle)) return false;
  reader_.waiter_ = this;
  reader_.StartRead();
  return true;
}

void Reader::End() {
  if (waiter_ != nullptr) Scope::WakeUp(*waiter_, Wake::kTimeout);
}

void Reader::StartRead() {
  if (in_flight_) return;
  in_flight_ = true;
  call_.OperationStarted();
  call_.StartRead(message_, read_tag_);
}

void Reader::OnRead(bool ok) {
  if (!ok) {
    // No message: a half-close, or the call is over. In the latter case the notification of that follows,
    // yet another thread of gRPC may still be about to deliver it. A second read goes the same way and
    // comes back behind it: when that returns, cancelled() is known. (An alarm instead was wrong in up to a
    // third of the cancellations with client and server in one process.)
    call_.StartRead(message_, settled_tag_);
    return;
  }
  has_message_ = true;
  ReadOver();
}

void Reader::OnSettled(bool) {
  ended_ = true;
  ReadOver();
}

void Reader::ReadOver() {
  in_flight_ = false;
  if (waiter_ != nullptr) Scope::WakeUp(*waiter_, Wake::kDone);
  call_.OperationEnded();
}

}  // namespace covey::edge
