#pragma once

#include <signal.h>
#include <spdlog/logger.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "core/executor/process_executor.h"
#include "server/config/config.h"

namespace covey {

// The way of the groups to the end of the daemon, within one budget, `stop_timeout`. Nothing new is taken.
// What runs may end by itself, for half of the budget at most; then it is told to stop; shortly before the end
// what is left of processes is killed. Another SIGTERM or SIGINT cuts the step short that is under way.
//
// With OnStop::kSuspend groups go on after the next start: what is queued stays queued, what had to be stopped
// is queued again or lost, and only groups that belong to a call are cancelled. With OnStop::kCancel all groups
// in which something runs or waits are cancelled.
//
// Thread safety: none; the signals that it looks for are blocked.
class Stopping {
 public:
  using Clock = std::chrono::steady_clock;

  // `config`: as it is when the daemon stops. From here on the budget counts, and nothing new is taken.
  Stopping(Engine& engine, ProcessExecutor& processes, const Config& config, const sigset_t& signals,
           std::shared_ptr<spdlog::logger> log);

  // False, and the log names it: something ignores its stop. What happened to whom is in the log.
  bool Run();
  // What is left of the budget.
  std::chrono::milliseconds rest() const;

 private:
  // A group, and what ran in it when the daemon began to stop.
  struct Watched {
    Engine::GroupPtr group;
    std::vector<std::pair<uint32_t, uint32_t>> attempts;  // of groups that are suspended
  };
  struct Fate {
    std::vector<std::string> lost;  // names of tasks
    size_t again = 0;
  };

  void TellToStop();
  // True when nothing is left that the end would hurt; false at `until`, or when another signal asks to hurry.
  bool Await(Clock::time_point until);
  bool Quiet();
  Fate FateOf(const Watched& watched) const;
  void TellFates() const;
  void TellWhatIgnoresIt() const;

  Engine& engine_;
  ProcessExecutor& processes_;
  const Config& config_;
  const sigset_t& signals_;
  const std::shared_ptr<spdlog::logger> log_;
  const Clock::time_point begin_ = Clock::now();
  std::vector<Watched> watched_;
  std::vector<Engine::GroupPtr> left_;  // not quiet yet
  bool interrupts_ = false;
};

}  // namespace covey
