#pragma once

#include <spdlog/logger.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/mutex.h"
#include "covey/timer_queue.h"
#include "server/log/line.h"
#include "server/log/output.h"

namespace covey {

// Which lines are written, and how.
struct LogSettings {
  LogLevel level = LogLevel::kInfo;
  std::map<LogPart, LogLevel> parts;  // those with a level of their own
  bool json = false;
};

// The log of the daemon: lines of its parts, each with a level of its own, to one output.
//
// Lines of one kind are limited in their rate: of more than LogLine::most within kWindow the rest is counted, and told
// in one line at the end of that time. Lines that the output has no room for are counted, and told of when it has.
//
// Thread safety: all of it. Nothing blocks. Lock order: mutex_, then that of the timers.
class Log final : public std::enable_shared_from_this<Log> {
 public:
  static constexpr std::chrono::seconds kWindow{10};
  // How often it is tried again to write what had no room.
  static constexpr std::chrono::milliseconds kAgain{200};

  // What has been written, for the figures of the daemon.
  struct Counts {
    std::array<std::array<std::atomic<uint64_t>, kLogLevels.size()>, kLogParts.size()> lines{};
    std::atomic<uint64_t> left_out = 0;  // by the limit of their rate
    std::atomic<uint64_t> lost = 0;      // with no room for them, or an output that fails
  };

  static std::shared_ptr<Log> New(std::unique_ptr<LogOutput> output, LogSettings settings,
                                  std::shared_ptr<TimerQueue> timers = TimerQueue::Default());
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void Set(const LogSettings& settings) COVEY_EXCLUDES(mutex_);

  // Whether Write would write a line; for lines that take some making.
  bool Wants(LogPart part, LogLevel level) const;
  // `variant`: what else lines are told apart by in their rate, of a closed set, as the reason of a refusal.
  void Write(LogLine line, std::string_view variant = {}) COVEY_EXCLUDES(mutex_);
  // Writes lines of that kind that are a message alone; for callbacks. Keeps this.
  std::function<void(std::string_view message)> Teller(LogPart part, LogLevel level, std::string_view kind);
  // For lines that are of no kind and have no fields. As long as this.
  const std::shared_ptr<spdlog::logger>& Of(LogPart part) const {
    return loggers_[static_cast<size_t>(part)];
  }

  // Tells at once what was left out, and writes what waits as far as there is room. At the end.
  void Flush() COVEY_EXCLUDES(mutex_);
  const Counts& counts() const { return counts_; }

 private:
  using Clock = TimerQueue::Clock;
  // Of lines of one kind and variant.
  struct Window {
    Clock::time_point end{};
    size_t lines = 0;
    uint64_t left_out = 0;
    LogLine like;  // of those: part, level and kind
  };

  Log(std::unique_ptr<LogOutput> output, std::shared_ptr<TimerQueue> timers);
  bool AdmitLocked(const LogLine& line, std::string_view variant) COVEY_REQUIRES(mutex_);
  void TellLeftOut(const std::string& key) COVEY_EXCLUDES(mutex_);
  void TellLeftOutLocked(Window& window) COVEY_REQUIRES(mutex_);
  void PutLocked(const LogLine& line) COVEY_REQUIRES(mutex_);
  // What waits, and how much was lost. False: there is no room yet.
  bool CatchUpLocked() COVEY_REQUIRES(mutex_);
  void CatchUpLaterLocked() COVEY_REQUIRES(mutex_);

  const std::shared_ptr<TimerQueue> timers_;
  std::array<std::shared_ptr<spdlog::logger>, kLogParts.size()> loggers_;  // constant; their levels are not
  Counts counts_;

  Mutex mutex_;
  const std::unique_ptr<LogOutput> output_ COVEY_PT_GUARDED_BY(mutex_);
  bool json_ COVEY_GUARDED_BY(mutex_) = false;
  uint64_t lost_ COVEY_GUARDED_BY(mutex_) = 0;  // and not told of yet
  bool catching_up_ COVEY_GUARDED_BY(mutex_) = false;
  std::map<std::string, Window, std::less<>> windows_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
