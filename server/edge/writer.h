#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <coroutine>
#include <cstdint>
#include <deque>

#include "server/edge/scope.h"
#include "server/edge/tag.h"

namespace google::protobuf {
class MessageLite;
}

namespace covey::edge {

class Call;

// Whether more messages follow a written one at once, so that it may stay in gRPC's buffer until then. Only
// for writes that another write, or the handler's return, follows without a wait in between.
enum class Flush : uint8_t { kNow, kWithNext };

// What is written: a message, or bytes that are one already, or (neither) the headers alone. It is not owned
// and must live until the write is over.
struct Outgoing {
  const google::protobuf::MessageLite* message = nullptr;
  const grpc::ByteBuffer* bytes = nullptr;
};

// The writing half of a streaming call: one write is with gRPC, further ones (of other coroutines of the same
// handler) take turns. A message is serialised when its turn comes, and the memory held here is that one
// message: a slow reader stops the writer. One that is larger than the server may send is not sent, and the
// call ends with that refusal.
class Writer {
 public:
  class [[nodiscard]] Awaiter final : public Waiter {
   public:
    Awaiter(Writer& writer, const Outgoing& outgoing, Flush flush)
        : Waiter(OnStop::kWait), writer_(writer), outgoing_(outgoing), flush_(flush) {}
    bool await_ready() const noexcept { return writer_.broken_; }
    bool await_suspend(std::coroutine_handle<> handle);
    // True: it is on its way to the client. False: the call is over.
    bool await_resume() const noexcept { return wake() == Wake::kDone && ok_; }

   private:
    friend class Writer;
    void Detach() override;
    Writer& writer_;
    const Outgoing outgoing_;
    const Flush flush_;
    bool ok_ = false;
  };

  explicit Writer(Call& call) : call_(call), tag_(*this) {}

  Awaiter Write(const Outgoing& outgoing, Flush flush) { return {*this, outgoing, flush}; }
  bool in_flight() const { return in_flight_; }

 private:
  void StartNext();
  // False: it is too large.
  bool StartWrite(const Outgoing& outgoing, Flush flush);
  void OnWritten(bool ok);
  void Break();

  Call& call_;
  bool in_flight_ = false;
  bool started_ = false;
  bool broken_ = false;
  Awaiter* current_ = nullptr;  // whose write is with gRPC; nullptr when nobody waits for it any more
  std::deque<Awaiter*> turns_;
  MemberTag<Writer, &Writer::OnWritten> tag_;
};

}  // namespace covey::edge
