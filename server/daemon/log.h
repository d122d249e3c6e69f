#pragma once

#include <memory>
#include <string>

namespace spdlog {
class logger;
}

namespace covey {

// The daemon's log: lines to stderr, as text or as JSON objects {"time","level","message"}. `level` as in
// --log-level.
std::shared_ptr<spdlog::logger> MakeLog(const std::string& level, bool json);

// The same for a log that is in use.
void SetLog(spdlog::logger& log, const std::string& level, bool json);

}  // namespace covey
