#pragma once

#include <algorithm>
#include <chrono>
#include <string>

#include "covey/client/options.h"
#include "covey/result.h"

// What the commands that wait share.
namespace covey::cli {

// Asks the daemon to wait no longer than `call` may last, if that is bounded: it then answers how things
// stand. The call itself gets a little longer for that.
template <typename Request>
client::CallOptions BoundWait(const client::CallOptions& call, Request* request) {
  if (!call.timeout) return call;
  constexpr std::chrono::seconds kForTheAnswer{10};
  constexpr std::chrono::nanoseconds kLongest = std::chrono::seconds(315'576'000);  // of the contract
  const std::chrono::nanoseconds timeout = std::min<std::chrono::nanoseconds>(*call.timeout, kLongest);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(timeout);
  request->mutable_timeout()->set_seconds(seconds.count());
  request->mutable_timeout()->set_nanos(static_cast<int32_t>((timeout - seconds).count()));
  return {.timeout = timeout + kForTheAnswer};
}

// That the time to wait has passed; `what` goes on.
inline Error WaitedEnough(const std::string& what) {
  return {.code = ErrorCode::kDeadlineExceeded,
          .reason = "DEADLINE_EXCEEDED",
          .message = "the time to wait has passed; " + what,
          .fields = {}};
}

}  // namespace covey::cli
