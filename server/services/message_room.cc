#include "server/services/message_room.h"

#include <string>

#include "server/services/watch.h"

namespace covey {
namespace {

Error NoRoom(const Budget::Usage& usage, size_t bytes) {
  return {.code = ErrorCode::kResourceExhausted,
          .reason = "REQUESTS_FULL",
          .message = "requests that are being handled have " + std::to_string(usage.used.bytes) + " of " +
                     std::to_string(usage.limit.bytes) + " bytes (max_request_memory), this one has " +
                     std::to_string(bytes)};
}

Error NoTurn() {
  return {.code = ErrorCode::kResourceExhausted,
          .reason = "REQUESTS_FULL",
          .message = "requests are being received, " + std::to_string(edge::ReadGate::kPlaces) +
                     " at a time, and others wait"};
}

Error TooSlow() {
  return {.code = ErrorCode::kResourceExhausted,
          .reason = "REQUESTS_FULL",
          .message = "the request has not come within " + std::to_string(edge::ReadGate::kSlow.count()) +
                     " s, and others wait"};
}

Error NoMessage() {
  return {.code = ErrorCode::kInvalidArgument,
          .reason = "MALFORMED_MESSAGE",
          .message = "the call must have one request, got none"};
}

Handled Room(const ServiceContext& service, size_t bytes, std::optional<std::chrono::nanoseconds> patience,
             Reservation& held) {
  if (service.requests == nullptr) co_return Void{};
  if (bytes <= kSmallMessage) {
    held = service.requests->ReserveAnyway({.bytes = bytes});
    co_return Void{};
  }
  RoomWait wait;
  for (;;) {
    Result<Reservation> room = service.requests->Reserve({.bytes = bytes});
    if (room.ok()) {
      held = std::move(room.value());
      co_return Void{};
    }
    edge::Completion<Void> found(edge::OnStop::kWake);
    const WaitLimit limit(patience, [completer = found.completer(), requests = service.requests, bytes] {
      completer(Result<Void>(NoRoom(requests->usage(), bytes)));
    });
    wait = service.requests->WhenRoom({.bytes = bytes}, found.completer());
    const Result<Void> answer = co_await found;
    if (!answer.ok()) co_return answer.error();
  }
}

}  // namespace

Handled RoomForMessage(const ServiceContext& service, size_t bytes, Reservation& held) {
  return Room(service, bytes, std::nullopt, held);
}

Handled ReceiveRequest(const ServiceContext& service, edge::Call& call, Reservation& held) {
  if (call.rpc().arrives == edge::Arrives::kWithCall) {
    Handled waiting = Room(service, call.request().Length(), service.request_patience, held);
    const Result<Void> room = co_await waiting;
    co_return room;
  }
  edge::ReadGate& gate = call.queue().read_gate();
  const auto patience = std::chrono::duration_cast<edge::ReadGate::Clock::duration>(service.request_patience);
  const edge::Wake turn = co_await gate.Enter(edge::ReadGate::Clock::now() + patience);
  if (turn == edge::Wake::kTimeout) co_return NoTurn();
  if (turn != edge::Wake::kDone) co_return call.EndError();
  edge::ReadGate::Place place(gate, call);
  const bool read = co_await call.Read();
  if (place.cut()) co_return TooSlow();
  if (!read) co_return call.half_closed() ? NoMessage() : call.EndError();
  place.SetReceived();
  call.Take(call.request());
  Handled waiting = Room(service, call.request().Length(), service.request_patience, held);
  const Result<Void> room = co_await waiting;
  co_return room;
}

}  // namespace covey
