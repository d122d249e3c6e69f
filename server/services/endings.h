#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "server/convert/convert.h"
#include "server/services/dispatcher.h"

// What the calls that end work, or wait for its end, share.
namespace covey {

// How long a request waits; nullopt: as long as the call may last.
template <class Request>
std::optional<std::chrono::nanoseconds> WaitOf(const Request& request) {
  if (!request.has_timeout()) return std::nullopt;
  return ToCore(request.timeout());
}

// Ends when the group is over, or when `timeout` has passed.
Handled GroupOver(CallContext& context, const GroupPtr& group,
                  std::optional<std::chrono::nanoseconds> timeout = std::nullopt);
// Ends when the task is over, or when `timeout` has passed.
Handled TaskOver(CallContext& context, const GroupPtr& group, uint32_t task,
                 std::optional<std::chrono::nanoseconds> timeout = std::nullopt);

// Why something is cancelled for which a client asked; `reason` may be empty.
Failure CancelledByRequest(const std::string& reason);

}  // namespace covey
