#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <coroutine>

#include "server/edge/scope.h"
#include "server/edge/tag.h"

namespace covey::edge {

class Call;

// The reading half of a streaming call. A read whose wait was ended early stays with gRPC, into this object's
// own buffer, and its message is given to the next Read: nothing is lost.
//
// What it reads is bytes. gRPC would take a message that cannot be parsed for the end of the stream.
class Reader {
 public:
  // Its end says whether there is a message to take.
  class [[nodiscard]] Awaiter final : public Waiter {
   public:
    explicit Awaiter(Reader& reader) : Waiter(OnStop::kWake), reader_(reader) {}
    bool await_ready() const noexcept { return reader_.has_message_ || reader_.ended_; }
    bool await_suspend(std::coroutine_handle<> handle);
    bool await_resume() const noexcept { return wake() == Wake::kDone && reader_.has_message_; }

   private:
    void Detach() override { reader_.waiter_ = nullptr; }
    Reader& reader_;
  };

  explicit Reader(Call& call) : call_(call), read_tag_(*this), settled_tag_(*this) {}

  Awaiter Read() { return Awaiter(*this); }
  // The message that a Read found.
  void Take(grpc::ByteBuffer& bytes) {
    has_message_ = false;
    bytes.Swap(&message_);
  }
  // The client sends no more, or the call is over.
  bool ended() const { return ended_; }
  // The wait for a message ends without one.
  void End();
  // No more is read, whatever comes.
  void Close() { ended_ = true; }

 private:
  void StartRead();
  void OnRead(bool ok);
  void OnSettled(bool ok);
  void ReadOver();

  Call& call_;
  grpc::ByteBuffer message_;
  bool in_flight_ = false;
  bool has_message_ = false;
  bool ended_ = false;
  Waiter* waiter_ = nullptr;
  MemberTag<Reader, &Reader::OnRead> read_tag_;
  MemberTag<Reader, &Reader::OnSettled> settled_tag_;
};

}  // namespace covey::edge
