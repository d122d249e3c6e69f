#pragma once

#include <utility>

#include "server/services/call_lines.h"

namespace covey {

// Ends when there may be room in the queue for so many tasks, for a stream whose messages are not read
// meanwhile. `wait` is kept until they were submitted again.
inline Handled RoomFor(CallContext& context, const edge::Call& call, Budget::Amount amount, RoomWait& wait) {
  TellWaitsForRoom(context, call);
  edge::Completion<Void> room(edge::OnStop::kWake);
  wait = context.engine().WhenRoom(amount, room.completer());
  const Result<Void> found = co_await room;
  co_return found;
}

}  // namespace covey
