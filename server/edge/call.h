#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "covey/result.h"
#include "server/edge/list.h"
#include "server/edge/queue.h"
#include "server/edge/reader.h"
#include "server/edge/scope.h"
#include "server/edge/tag.h"
#include "server/edge/task.h"
#include "server/edge/timed_waiter.h"
#include "server/edge/writer.h"

namespace covey::edge {

// How many messages go each way.
enum class Shape : uint8_t { kUnary, kServerStream, kClientStream, kBidi };

// How the one request of a call arrives: before the call does, or when its handler reads it, as a message of a
// stream. Of the latter gRPC takes no more than a window until then.
enum class Arrives : uint8_t { kWithCall, kWhenRead };

class Call;
using Handler = std::function<Task<grpc::Status>(Call&)>;

// One RPC of a server. Lives with it.
struct Rpc {
  std::string name;  // on the wire: "/covey.v1.GroupService/SealGroup"
  Shape shape = Shape::kUnary;
  Handler handler;
  size_t max_send_bytes = 0;  // of one message
  Arrives arrives = Arrives::kWithCall;
};

// What all calls have in common: messages as bytes, waits, one end. A handler gets it by reference, mostly
// through one of the typed views of calls.h, and ends it by returning a status, which is sent exactly once,
// after the last write.
//
// Life: made when its RPC is armed; live from the client's call on; destroyed by itself when the handler has
// returned and every operation that gRPC knows of has come back: Finish, the notification that the call is
// done, and any read or write that was still under way. Handlers never own it and never keep a reference.
//
// Thread safety: none, everything on the queue's thread.
//
// Invariants:
// 1. At most one read, one write and one Finish are with gRPC; Finish comes after the last write came back.
// 2. Finish is called for every live call, also for a cancelled one (else gRPC's Shutdown would hang).
// 3. When gRPC says that the call is done before its handler ended, its scope is cancelled: every wait of the
//    handler and its children ends at once.
// 4. No gRPC operation starts on a queue that was shut down: a queue closes after its last live call.
// 5. A call one of whose answers was too large to be sent does not end with OK.
class Call : public ListHook {
 public:
  using Clock = std::chrono::steady_clock;

  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const Rpc& rpc() const { return rpc_; }
  Queue& queue() { return queue_; }

  // The call is over for the client: cancelled, disconnected, deadline passed, or the server was forced down.
  // Nothing that is written will arrive.
  bool cancelled() const { return cancelled_; }
  // The server is stopping: finish soon. Writes still work.
  bool stopping() const { return queue_.stopping(); }
  // Why a wait said that it is over: the refusal, else UNAVAILABLE when the server is stopping, else
  // CANCELLED.
  Error EndError() const;
  grpc::Status EndStatus() const;
  // Parses a message of the client. False: it is none of this type, and the call is refused.
  bool Parse(grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

  // The client's deadline on the monotonic clock; nullopt when it gave none. When it passes the call is
  // cancelled.
  virtual std::optional<Clock::time_point> deadline() const = 0;
  // The first value of a metadata key (lower case) that the client sent.
  virtual std::optional<std::string_view> metadata(std::string_view key) const = 0;
  // Who called, as gRPC spells it: "ipv4:127.0.0.1:4711"; "unix:" for all clients of a socket.
  virtual std::string peer() const = 0;

  // Cancels the call, from any thread: for the client it is over at once.
  virtual void Abort() = 0;

  // The one request of a unary call or a server stream, once it has arrived. Parse uses it up.
  grpc::ByteBuffer& request() { return request_; }

  // const bool read = co_await call.Read(): false when no more will come. Then half_closed() tells whether
  // the client has sent everything; if not, return EndStatus(). True: Take it before the next Read.
  Reader::Awaiter Read() { return reader_.Read(); }
  void Take(grpc::ByteBuffer& bytes) { reader_.Take(bytes); }
  // Ends a wait for a message: Read gives none.
  void EndRead() { reader_.End(); }
  bool half_closed() const { return reader_.ended() && !cancelled_ && !refusal_; }

  // co_await call.Write(…): false when the call is over; then return.
  Writer::Awaiter Write(const google::protobuf::MessageLite& message, Flush flush = Flush::kNow) {
    return writer_.Write({.message = &message}, flush);
  }
  Writer::Awaiter Write(const grpc::ByteBuffer& bytes, Flush flush = Flush::kNow) {
    return writer_.Write({.bytes = &bytes}, flush);
  }
  // co_await call.SendHeaders(): tells the client that the stream stands before there is a message. At most
  // once, before the first message.
  Writer::Awaiter SendHeaders() { return writer_.Write({}, Flush::kNow); }
  // What goes out together with the status: the one response, which an OK must have and nothing else may
  // have, or the last message of a stream. False: it is too large, and EndError says so.
  bool SetLast(const google::protobuf::MessageLite& message);

  // co_await call.Sleep(duration): false when the call is over or the server is stopping.
  SleepAwaiter Sleep(Clock::duration duration) const { return SleepAwaiter(Clock::now() + duration); }

 protected:
  Call(Queue& queue, const Rpc& rpc);
  virtual ~Call() = default;

  // The call came in.
  void Begin();

  // What gRPC carries out. Each comes back to its tag, on the queue's thread.
  virtual void StartRead(grpc::ByteBuffer& bytes, Tag& tag) = 0;
  virtual void StartHeaders(Tag& tag) = 0;
  // `hold`: it may stay in gRPC's buffer until the next one.
  virtual void StartWrite(const grpc::ByteBuffer& bytes, bool hold, Tag& tag) = 0;
  // `last`: a message to go with the status; may be nullptr.
  virtual void StartFinish(const grpc::ByteBuffer* last, const grpc::Status& status, Tag& tag) = 0;
  // After the notification that the call is done: was it cancelled?
  virtual bool WasCancelled() const = 0;

  Tag& done_tag() { return done_tag_; }

 private:
  friend class Reader;
  friend class Writer;
  friend class Queue;

  // An operation is with gRPC, and its tag keeps the call alive.
  void OperationStarted() { ++operations_; }
  // Its tag came back. The call may be gone afterwards.
  void OperationEnded();
  // An answer of `size` bytes was not sent: the call ends with that.
  void OnUnsent(size_t size);

  void OnDone(bool ok);
  void OnFinished(bool ok);
  void OnHandlerEnded();
  void EndWith(grpc::Status status);
  void FinishIfReady();
  void Stop() { scope_.Stop(); }

  // The end of the handler's coroutine.
  class HandlerEnd final : public Runnable {
   public:
    explicit HandlerEnd(Call& call) : call_(call) { EnterScope(call.scope_); }
    void Run() override { call_.OnHandlerEnded(); }

   private:
    Call& call_;
  };

  Queue& queue_;
  const Rpc& rpc_;
  Scope scope_;
  HandlerEnd handler_end_;
  Task<grpc::Status> task_;
  Reader reader_;
  Writer writer_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer last_;
  std::optional<Error> refusal_;  // of the first message, either way, that could not be taken
  bool unsent_ = false;
  std::optional<grpc::Status> status_;  // set when the handler has ended, until Finish
  uint32_t operations_ = 0;
  bool cancelled_ = false;
  bool ended_ = false;  // the handler
  MemberTag<Call, &Call::OnDone> done_tag_;
  MemberTag<Call, &Call::OnFinished> finish_tag_;
};

}  // namespace covey::edge
