#include "server/log/log.h"

#include <spdlog/sinks/sink.h>

#include <algorithm>
#include <utility>

#include "core/base/plural.h"

namespace covey {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  constexpr std::array kLevels{spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                               spdlog::level::err};
  return kLevels[static_cast<size_t>(level)];
}

LogLevel FromSpdlog(spdlog::level::level_enum level) {
  if (level >= spdlog::level::err) return LogLevel::kError;
  if (level == spdlog::level::warn) return LogLevel::kWarning;
  return level == spdlog::level::info ? LogLevel::kInfo : LogLevel::kDebug;
}

// Brings the lines of one logger of spdlog to the log.
class Bridge final : public spdlog::sinks::sink {
 public:
  Bridge(std::weak_ptr<Log> log, LogPart part) : log_(std::move(log)), part_(part) {}
  void log(const spdlog::details::log_msg& message) override {
    if (const auto log = log_.lock()) {
      log->Write({.part = part_,
                  .level = FromSpdlog(message.level),
                  .message = {message.payload.data(), message.payload.size()},
                  .time = message.time});
    }
  }
  void flush() override {}
  void set_pattern(const std::string&) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter>) override {}

 private:
  const std::weak_ptr<Log> log_;
  const LogPart part_;
};

}  // namespace

std::shared_ptr<Log> Log::New(std::unique_ptr<LogOutput> output, LogSettings settings,
                              std::shared_ptr<TimerQueue> timers) {
  std::shared_ptr<Log> log(new Log(std::move(output), std::move(timers)));
  for (size_t i = 0; i < kLogParts.size(); ++i) {
    log->loggers_[i] = std::make_shared<spdlog::logger>(
        std::string(kLogParts[i]), std::make_shared<Bridge>(log, static_cast<LogPart>(i)));
  }
  log->Set(settings);
  return log;
}

Log::Log(std::unique_ptr<LogOutput> output, std::shared_ptr<TimerQueue> timers)
    : timers_(std::move(timers)), output_(std::move(output)) {}

Log::~Log() { Flush(); }

void Log::Set(const LogSettings& settings) {
  for (size_t i = 0; i < kLogParts.size(); ++i) {
    const auto own = settings.parts.find(static_cast<LogPart>(i));
    loggers_[i]->set_level(ToSpdlog(own == settings.parts.end() ? settings.level : own->second));
  }
  MutexLock lock(mutex_);
  json_ = settings.json;
}

bool Log::Wants(LogPart part, LogLevel level) const { return Of(part)->should_log(ToSpdlog(level)); }

void Log::Write(LogLine line, std::string_view variant) {
  if (!Wants(line.part, line.level)) return;
  MutexLock lock(mutex_);
  if (line.kind.empty() || AdmitLocked(line, variant)) PutLocked(line);
}

std::function<void(std::string_view message)> Log::Teller(LogPart part, LogLevel level,
                                                          std::string_view kind) {
  return [self = shared_from_this(), part, level, kind](std::string_view message) {
    self->Write({.part = part, .level = level, .kind = kind, .message = std::string(message)});
  };
}

bool Log::AdmitLocked(const LogLine& line, std::string_view variant) {
  std::string key(line.kind);
  if (!variant.empty()) key.append(1, '/').append(variant);
  Window& window = windows_[key];
  const Clock::time_point now = timers_->Now();
  if (now >= window.end) {
    if (window.left_out > 0) TellLeftOutLocked(window);
    window = {.end = now + kWindow,
              .lines = 0,
              .left_out = 0,
              .like = {.part = line.part, .level = line.level, .kind = line.kind, .message = {}}};
    if (!variant.empty()) window.like.fields.emplace_back("variant", std::string(variant));
  }
  if (window.lines++ < line.most) return true;
  counts_.left_out.fetch_add(1, std::memory_order_relaxed);
  if (window.left_out++ == 0) {
    timers_->Schedule(window.end, [weak = weak_from_this(), key = std::move(key)] {
      if (const auto self = weak.lock()) self->TellLeftOut(key);
    });
  }
  return false;
}

void Log::TellLeftOut(const std::string& key) {
  MutexLock lock(mutex_);
  Window& window = windows_[key];
  if (window.left_out > 0 && timers_->Now() >= window.end) TellLeftOutLocked(window);
}

void Log::TellLeftOutLocked(Window& window) {
  LogLine line = window.like;
  line.time = std::chrono::system_clock::now();
  line.message = Plural(window.left_out, "more line") + " of this kind " +
                 (window.left_out == 1 ? "was" : "were") + " left out";
  line.fields.insert(line.fields.begin(), {{"left_out", window.left_out}, {"of", std::string(line.kind)}});
  window.left_out = 0;
  window.end = {};
  PutLocked(line);
}

void Log::PutLocked(const LogLine& line) {
  if (lost_ == 0 || CatchUpLocked()) {
    if (output_->Write(line, json_)) {
      counts_.lines[static_cast<size_t>(line.part)][static_cast<size_t>(line.level)].fetch_add(
          1, std::memory_order_relaxed);
      if (!output_->Drain()) CatchUpLaterLocked();
      return;
    }
  }
  ++lost_;
  counts_.lost.fetch_add(1, std::memory_order_relaxed);
  CatchUpLaterLocked();
}

bool Log::CatchUpLocked() {
  if (!output_->Drain()) return false;
  if (lost_ == 0) return true;
  const LogLine line{.part = LogPart::kDaemon,
                     .level = LogLevel::kWarning,
                     .kind = "log_lost",
                     .message = Plural(lost_, "line") + (lost_ == 1 ? " is" : " are") +
                                " missing here: the log could not be written",
                     .fields = {{"lost", lost_}}};
  if (!output_->Write(line, json_)) return false;
  lost_ = 0;
  return true;
}

void Log::CatchUpLaterLocked() {
  if (std::exchange(catching_up_, true)) return;
  timers_->ScheduleAfter(kAgain, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    MutexLock lock(self->mutex_);
    self->catching_up_ = false;
    if (!self->CatchUpLocked()) self->CatchUpLaterLocked();
  });
}

void Log::Flush() {
  MutexLock lock(mutex_);
  for (auto& [key, window] : windows_) {
    if (window.left_out > 0) TellLeftOutLocked(window);
  }
  (void)CatchUpLocked();
}

}  // namespace covey
