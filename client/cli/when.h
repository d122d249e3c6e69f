#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <string>
#include <string_view>

#include "covey/result.h"

namespace covey::cli {

using WallClock = std::chrono::system_clock;

// An instant as people type it: how long ago ("2h", "1m30s"), a time of day ("18:00": the last time that it was), a
// day ("2026-11-27", "today", "yesterday": its beginning), both ("2026-11-27 18:00"), or RFC 3339
// ("2026-11-27T18:00:00Z"). Without a zone it is of the time zone here (TZ). An error names `option`.
Result<google::protobuf::Timestamp> ParseWhen(std::string_view option, std::string_view text,
                                              WallClock::time_point now);

// How instants are shown.
enum class Times { kRelative, kLocal, kUtc };

// The value of --times; `otherwise` when it was not given.
Times ReadTimes(std::string_view value, Times otherwise);

// "3m ago", "2026-11-27 18:00:09" or "2026-11-27T18:00:09Z"; "-" for no time.
std::string WhenText(const google::protobuf::Timestamp& time, Times times, WallClock::time_point now);

}  // namespace covey::cli
