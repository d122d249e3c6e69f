#pragma once

#include <chrono>
#include <memory>

#include "core/base/packed.h"
#include "core/spec/wall_time.h"
#include "covey/status.h"

namespace covey {

inline void Pack(PackWriter& out, const Failure& failure) {
  out.Add(static_cast<uint8_t>(failure.kind));
  out.Add(failure.code);
  out.Add(failure.message);
  out.Add(failure.detail);
  out.Add(failure.task);
  out.Add(failure.attempt);
}

inline std::shared_ptr<const Failure> UnpackFailure(PackReader& in) {
  auto failure = std::make_shared<Failure>();
  failure->kind = static_cast<FailureKind>(in.Get<uint8_t>());
  failure->code = in.Get<int32_t>();
  failure->message = in.GetString();
  failure->detail = in.GetString();
  failure->task = in.GetString();
  failure->attempt = in.Get<uint32_t>();
  return failure;
}

inline int64_t Micros(WallTime time) { return time.time_since_epoch().count(); }
inline WallTime AtMicros(int64_t count) { return WallTime(std::chrono::microseconds(count)); }

}  // namespace covey
