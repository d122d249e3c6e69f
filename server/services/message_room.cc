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

Handled RoomForRequest(const ServiceContext& service, size_t bytes, Reservation& held) {
  return Room(service, bytes, service.request_patience, held);
}

}  // namespace covey
