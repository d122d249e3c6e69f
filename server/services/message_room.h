#pragma once

#include <optional>
#include <utility>

#include "server/services/dispatcher.h"

namespace covey {

// A message up to this size is handled whatever else is: a cancel never waits for room.
inline constexpr size_t kSmallMessage = size_t{64} << 10;

// Waits for room for a message of so many bytes among all those that are being handled, before it is parsed;
// `held` gets it.
Handled RoomForMessage(const ServiceContext& service, size_t bytes, Reservation& held);
// The one request of a call, of calls that have one, with room for it; no longer than the service's patience, then
// kResourceExhausted. One that has not come with the call is read, in the call's turn (edge::ReadGate), which lasts
// until there is room for it.
Handled ReceiveRequest(const ServiceContext& service, edge::Call& call, Reservation& held);

// The next message of a stream, as call.Read(), with room for it: `held` is for the one before up to now, and
// for this one from now on.
template <class CallType>
edge::Task<std::optional<typename CallType::Request>> ReadMessage(const ServiceContext& service,
                                                                  CallType& call, Reservation& held) {
  held.Reset();
  std::optional<typename CallType::Request> message;
  const bool read = co_await call.raw().Read();
  if (!read) co_return std::move(message);
  grpc::ByteBuffer bytes;
  call.raw().Take(bytes);
  Handled waiting = RoomForMessage(service, bytes.Length(), held);
  const Result<Void> room = co_await waiting;
  if (!room.ok()) co_return std::move(message);
  message.emplace();
  if (!call.raw().Parse(bytes, *message)) message.reset();
  co_return std::move(message);
}

}  // namespace covey
