#include <limits>

#include "server/convert/convert.h"

namespace covey {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the ends of google.protobuf.Timestamp.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;

// whole * unit + rest, clamped; |rest| < unit.
int64_t Combine(int64_t whole, int64_t unit, int64_t rest) {
  int64_t product = 0;
  int64_t sum = 0;
  if (__builtin_mul_overflow(whole, unit, &product) || __builtin_add_overflow(product, rest, &sum)) {
    return whole < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  }
  return sum;
}

}  // namespace

google::protobuf::Timestamp ToProto(WallTime time) {
  const int64_t micros = time.time_since_epoch().count();
  int64_t seconds = micros / kMicrosPerSecond;
  int64_t rest = micros % kMicrosPerSecond;
  if (rest < 0) {  // nanos count forward, also before 1970
    --seconds;
    rest += kMicrosPerSecond;
  }
  google::protobuf::Timestamp out;
  if (seconds < kFirstSecond) {
    out.set_seconds(kFirstSecond);
  } else if (seconds > kLastSecond) {
    out.set_seconds(kLastSecond);
    out.set_nanos(kNanosPerSecond - 1);
  } else {
    out.set_seconds(seconds);
    out.set_nanos(static_cast<int32_t>(rest * 1000));
  }
  return out;
}

google::protobuf::Duration ToProto(nanoseconds duration) {
  google::protobuf::Duration out;
  out.set_seconds(duration.count() / kNanosPerSecond);
  out.set_nanos(static_cast<int32_t>(duration.count() % kNanosPerSecond));
  return out;
}

WallTime ToCore(const google::protobuf::Timestamp& time) {
  return WallTime(microseconds(Combine(time.seconds(), kMicrosPerSecond, time.nanos() / 1000)));
}

nanoseconds ToCore(const google::protobuf::Duration& duration) {
  return nanoseconds(Combine(duration.seconds(), kNanosPerSecond, duration.nanos()));
}

}  // namespace covey
