#pragma once

#include <algorithm>
#include <coroutine>
#include <deque>

#include "server/edge/call.h"

namespace covey::edge {

// The writing half of a streaming call: one write is with gRPC, further ones (of other coroutines of the same
// handler) take turns. A message is serialised when its turn comes, and the memory held here is that one
// message: a slow reader stops the writer.
template <class Stream, class Response>
class Writer {
 public:
  class [[nodiscard]] Awaiter final : public Waiter {
   public:
    // No message: the headers alone.
    Awaiter(Writer& writer, const Response* message, Flush flush)
        : Waiter(OnStop::kWait), writer_(writer), message_(message), flush_(flush) {}
    bool await_ready() const noexcept { return writer_.broken_; }
    bool await_suspend(std::coroutine_handle<> handle) {
      if (!Suspend(handle)) return false;
      writer_.turns_.push_back(this);
      writer_.StartNext();
      return true;
    }
    // True: it is on its way to the client. False: the call is over.
    bool await_resume() const noexcept { return wake() == Wake::kDone && ok_; }

   private:
    friend class Writer;
    void Detach() override {
      if (writer_.current_ == this) {
        writer_.current_ = nullptr;
      } else {
        std::erase(writer_.turns_, this);
      }
    }
    Writer& writer_;
    const Response* const message_;
    const Flush flush_;
    bool ok_ = false;
  };

  Writer(Call& call, Stream& stream) : call_(call), stream_(stream), tag_(*this) {}

  Awaiter Write(const Response* message, Flush flush) { return Awaiter(*this, message, flush); }
  bool in_flight() const { return in_flight_; }

 private:
  void StartNext() {
    if (in_flight_ || turns_.empty()) return;
    current_ = turns_.front();
    turns_.pop_front();
    in_flight_ = true;
    call_.OperationStarted();
    void* const tag = static_cast<Tag*>(&tag_);
    if (current_->message_ == nullptr) {
      stream_.SendInitialMetadata(tag);
    } else {
      grpc::WriteOptions options;
      // The hint on a stream's first message makes gRPC 1.51 hold it back for ever.
      if (current_->flush_ == Flush::kWithNext && started_) options.set_buffer_hint();
      started_ = true;
      stream_.Write(*current_->message_, options, tag);
    }
  }
  void OnWritten(bool ok) {
    in_flight_ = false;
    if (!ok) broken_ = true;
    if (current_ != nullptr) {
      current_->ok_ = ok;
      Scope::WakeUp(*current_, Wake::kDone);
    }
    while (broken_ && !turns_.empty()) Scope::WakeUp(*turns_.front(), Wake::kDone);
    StartNext();
    call_.OperationEnded();
  }

  Call& call_;
  Stream& stream_;
  bool in_flight_ = false;
  bool started_ = false;
  bool broken_ = false;
  Awaiter* current_ = nullptr;  // whose write is with gRPC; nullptr when nobody waits for it any more
  std::deque<Awaiter*> turns_;
  MemberTag<Writer, &Writer::OnWritten> tag_;
};

}  // namespace covey::edge
