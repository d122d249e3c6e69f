#pragma once

#include <signal.h>
#include <spdlog/logger.h>

#include <chrono>
#include <memory>

#include "core/engine/engine.h"
#include "server/config/config.h"

namespace covey {

// The way of the groups to the end of the daemon: what runs may end by itself, then it is cancelled.
//
// Thread safety: none; the signals that it looks for are blocked.
class Stopping {
 public:
  // `config`: as it is when the daemon stops.
  Stopping(Engine& engine, const Config& config, const sigset_t& signals, std::shared_ptr<spdlog::logger> log)
      : engine_(engine), config_(config), signals_(signals), log_(std::move(log)) {}

  // Waits for what runs, for `drain_timeout` at most, or until another signal asks to hurry. New groups are
  // refused meanwhile. True when nothing runs any more.
  bool Drain();
  // Cancels what still runs and waits for it, for `stop_timeout` at most. False, and the log names it:
  // something ignores its cancel.
  bool Cancel();

 private:
  bool AwaitIdle(std::chrono::milliseconds timeout, bool hurry);
  void TellWhatIgnoresIt();

  Engine& engine_;
  const Config& config_;
  const sigset_t& signals_;
  const std::shared_ptr<spdlog::logger> log_;
};

}  // namespace covey
