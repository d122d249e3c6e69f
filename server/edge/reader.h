#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "server/edge/call.h"

namespace covey::edge {

// The reading half of a streaming call. A read whose wait was ended early stays with gRPC, into this object's
// own buffer, and its message is given to the next Read: nothing is lost.
template <class Stream, class Request>
class Reader {
 public:
  class [[nodiscard]] Awaiter final : public Waiter {
   public:
    explicit Awaiter(Reader& reader) : Waiter(OnStop::kWake), reader_(reader) {}
    bool await_ready() const noexcept { return reader_.has_message_ || reader_.ended_; }
    bool await_suspend(std::coroutine_handle<> handle) {
      COVEY_CHECK(reader_.waiter_ == nullptr);  // one coroutine reads at a time
      if (!Suspend(handle)) return false;
      reader_.waiter_ = this;
      reader_.StartRead();
      return true;
    }
    std::optional<Request> await_resume() {
      if (wake() != Wake::kDone || !reader_.has_message_) return std::nullopt;
      reader_.has_message_ = false;
      return std::optional<Request>(std::move(reader_.message_));
    }

   private:
    void Detach() override { reader_.waiter_ = nullptr; }
    Reader& reader_;
  };

  Reader(Call& call, Stream& stream) : call_(call), stream_(stream), read_tag_(*this), settled_tag_(*this) {}

  Awaiter Read() { return Awaiter(*this); }
  // The client has sent all it wanted to send.
  bool half_closed() const { return ended_ && !call_.cancelled(); }

 private:
  void StartRead() {
    if (in_flight_) return;
    in_flight_ = true;
    call_.OperationStarted();
    stream_.Read(&message_, static_cast<Tag*>(&read_tag_));
  }
  void OnRead(bool ok) {
    if (!ok) {
      // No message: a half-close, or the call is over. In the latter case the notification of that follows,
      // yet another thread of gRPC may still be about to deliver it. A second read goes the same way and
      // comes back behind it: when that returns, cancelled() is known. (An alarm instead was wrong in up to a
      // third of the cancellations with client and server in one process.)
      stream_.Read(&message_, static_cast<Tag*>(&settled_tag_));
      return;
    }
    has_message_ = true;
    ReadOver();
  }
  void OnSettled(bool) {
    ended_ = true;
    ReadOver();
  }
  void ReadOver() {
    in_flight_ = false;
    if (waiter_ != nullptr) Scope::WakeUp(*waiter_, Wake::kDone);
    call_.OperationEnded();
  }

  Call& call_;
  Stream& stream_;
  Request message_;
  bool in_flight_ = false;
  bool has_message_ = false;
  bool ended_ = false;
  Waiter* waiter_ = nullptr;
  MemberTag<Reader, &Reader::OnRead> read_tag_;
  MemberTag<Reader, &Reader::OnSettled> settled_tag_;
};

}  // namespace covey::edge
