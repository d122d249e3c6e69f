#include "server/services/dispatcher.h"

#include <optional>
#include <utility>

#include "server/services/call_lines.h"
#include "server/services/message_room.h"
#include "server/services/status.h"
#include "server/services/task_intake.h"

namespace covey {
namespace {

using Clock = edge::Call::Clock;

edge::Shape ToEdge(methods::Shape shape) {
  switch (shape) {
    case methods::Shape::kUnary:
      return edge::Shape::kUnary;
    case methods::Shape::kServerStream:
      return edge::Shape::kServerStream;
    case methods::Shape::kClientStream:
      return edge::Shape::kClientStream;
    case methods::Shape::kBidi:
      return edge::Shape::kBidi;
  }
  return edge::Shape::kBidi;
}

Caller Identify(const edge::Call&) { return {}; }

bool Expired(const edge::Call& call) {
  const std::optional<Clock::time_point> deadline = call.deadline();
  return deadline && *deadline <= Clock::now();
}

// Why the call is not made at all.
std::optional<Error> Refuse(const edge::Call& call, const CallContext& context) {
  if (context.caller.role < context.method.role) {
    return Error{.code = ErrorCode::kPermissionDenied,
                 .reason = "ROLE_REQUIRED",
                 .message = "the caller's role does not allow " + std::string(context.method.name)};
  }
  if (Expired(call)) {
    return Error{.code = ErrorCode::kDeadlineExceeded,
                 .reason = "DEADLINE_EXCEEDED",
                 .message = "the deadline had passed when the call came in"};
  }
  return std::nullopt;
}

}  // namespace

// Counts and times one call until it is destroyed. A call that was not ended by then ends by an exception.
class Dispatcher::Account {
 public:
  Account(Dispatcher& dispatcher, const Route& route, const edge::Call& call)
      : dispatcher_(dispatcher),
        call_(call),
        context_{.service = dispatcher.context_, .method = route.method, .caller = Identify(call)} {
    dispatcher_.stats_.OnBegin(context_.method);
  }
  ~Account() {
    const Clock::duration took = Clock::now() - begin_;
    // The client sees the end of its deadline, not what the handler made of it. (When its word that it has
    // gone comes first, the call counts as cancelled.)
    if (code_ == grpc::StatusCode::CANCELLED && Expired(call_)) code_ = grpc::StatusCode::DEADLINE_EXCEEDED;
    dispatcher_.stats_.OnEnd(context_.method, code_, took);
    if (took > dispatcher_.slow_ && context_.method.shape == methods::Shape::kUnary && !context_.waits)
      TellSlow(context_, call_, took, code_);
  }
  Account(const Account&) = delete;
  Account& operator=(const Account&) = delete;

  CallContext& context() { return context_; }

  grpc::Status Ok() {
    code_ = grpc::StatusCode::OK;
    return grpc::Status::OK;
  }
  grpc::Status Failed(const Error& error) {
    dispatcher_.stats_.OnRefused(static_cast<uint32_t>(ReasonOf(error)));
    TellRefused(context_, call_, error);
    grpc::Status status = ToGrpc(error);
    code_ = status.error_code();
    return status;
  }

 private:
  Dispatcher& dispatcher_;
  const edge::Call& call_;
  CallContext context_;
  const Clock::time_point begin_ = Clock::now();
  grpc::StatusCode code_ = grpc::StatusCode::INTERNAL;
};

void Dispatcher::AddErased(const methods::Method& method, edge::Shape shape, edge::Arrives arrives,
                           Takes takes, std::function<std::unique_ptr<Exchange>(edge::Call&)> open) {
  COVEY_CHECK(shape == ToEdge(method.shape));
  const Route& route = routes_.emplace_back(Route{method, takes, std::move(open)});
  server_.Add(
      std::string(method.name), shape, [this, &route](edge::Call& call) { return Serve(call, route); },
      arrives);
}

edge::Task<grpc::Status> Dispatcher::Serve(edge::Call& call, const Route& route) {
  Account account(*this, route, call);
  CallContext& context = account.context();
  if (const std::optional<Error> refused = Refuse(call, context)) co_return account.Failed(*refused);
  const std::unique_ptr<Exchange> exchange = route.open(call);
  Reservation room;  // as long as the call has the request
  Handled waiting = ReceiveRequest(context_, call, room);
  const Result<Void> found_room = co_await waiting;
  if (!found_room.ok()) co_return account.Failed(found_room.error());
  if (!exchange->Parse()) co_return account.Failed(call.EndError());
  if (Violations bad = exchange->CheckRequest(); !bad.empty())
    co_return account.Failed(BadRequest(std::move(bad)));
  GroupPtr group;
  if (!exchange->group_id().empty()) {
    edge::Completion<GroupPtr> found;
    if (route.takes == Takes::kAsFarAsRead) {
      context.engine().FindReadable(exchange->group_id(), found.completer());
    } else {
      context.engine().Find(exchange->group_id(), found.completer());
    }
    Result<GroupPtr> result = co_await found;
    if (!result.ok()) co_return account.Failed(result.error());
    group = std::move(result.value());
  }
  Handled handling = exchange->Handle(context, group);
  const Result<Void> done = co_await handling;
  if (!done.ok()) co_return account.Failed(done.error());
  if (!exchange->Respond()) co_return account.Failed(call.EndError());
  co_return account.Ok();
}

}  // namespace covey
