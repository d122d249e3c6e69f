#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/edge/list.h"
#include "server/edge/queue.h"
#include "server/edge/scope.h"
#include "server/edge/tag.h"
#include "server/edge/task.h"
#include "server/edge/timed_waiter.h"

namespace covey::edge {

// Whether more messages follow a written one at once, so that it may stay in gRPC's buffer until then. Only
// for writes that another write, or the handler's return, follows without a wait in between.
enum class Flush : uint8_t { kNow, kWithNext };

// What all calls have in common. A handler gets one of the four kinds (Unary, ServerStream, ClientStream,
// BidiStream) by reference and ends it by returning a status, which is sent exactly once, after the last
// write.
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
class Call : public ListHook {
 public:
  using Clock = std::chrono::steady_clock;

  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  grpc::ServerContext& context() { return context_; }
  Queue& queue() { return queue_; }

  // The call is over for the client: cancelled, disconnected, deadline passed, or the server was forced down.
  // Nothing that is written will arrive.
  bool cancelled() const { return cancelled_; }
  // The server is stopping: finish soon. Writes still work.
  bool stopping() const { return queue_.stopping(); }
  // What to return after a wait said that it is over: UNAVAILABLE when the server is stopping, else
  // CANCELLED.
  grpc::Status EndStatus() const;

  // The client's deadline on the monotonic clock; nullopt when it gave none. When it passes the call is
  // cancelled.
  std::optional<Clock::time_point> deadline() const;
  // The first value of a metadata key (lower case) that the client sent.
  std::optional<std::string_view> metadata(std::string_view key) const;

  // co_await call.Sleep(duration): false when the call is over or the server is stopping.
  SleepAwaiter Sleep(Clock::duration duration) const { return SleepAwaiter(Clock::now() + duration); }

 protected:
  Call(Queue& queue, std::string_view name);
  virtual ~Call() = default;

  void* accept_tag() { return static_cast<Tag*>(&accept_tag_); }
  void* finish_tag() { return static_cast<Tag*>(&finish_tag_); }

  // The RPC came in (or, false, the server is shutting down and it never will): arm the next one, then Begin
  // or `delete this`.
  virtual void OnAccepted(bool ok) = 0;
  // Makes the handler's task.
  virtual Task<grpc::Status> MakeTask() = 0;
  // No write is with gRPC: may Finish start?
  virtual bool ReadyToFinish() const { return true; }
  // Calls the stream's Finish with finish_tag().
  virtual void StartFinish(const grpc::Status& status) = 0;

  void Begin();

 private:
  template <class Stream, class Request>
  friend class Reader;
  template <class Stream, class Response>
  friend class Writer;
  friend class Queue;

  // A read, a write or the sending of headers is with gRPC, and its tag keeps the call alive.
  void OperationStarted() { ++operations_; }
  // Its tag came back. The call may be gone afterwards.
  void OperationEnded();

  void OnDone(bool ok);
  void OnFinished(bool ok);
  void OnHandlerEnded();
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
  void OnAcceptEvent(bool ok) { OnAccepted(ok); }

  Queue& queue_;
  const std::string_view name_;  // of the method, for logs; lives with the server
  grpc::ServerContext context_;
  Scope scope_;
  HandlerEnd handler_end_;
  Task<grpc::Status> task_;
  std::optional<grpc::Status> status_;  // set when the handler has ended, until Finish
  uint32_t operations_ = 0;
  bool cancelled_ = false;
  bool ended_ = false;  // the handler
  MemberTag<Call, &Call::OnAcceptEvent> accept_tag_;
  MemberTag<Call, &Call::OnDone> done_tag_;
  MemberTag<Call, &Call::OnFinished> finish_tag_;
};

}  // namespace covey::edge
