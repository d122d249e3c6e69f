#include "server/daemon/stopping.h"

#include <spdlog/spdlog.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <variant>

namespace covey {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

bool Stopping::Drain() {
  engine_.BeginDrain();
  return AwaitIdle(config_.drain_timeout, /*hurry=*/true);
}

bool Stopping::Cancel() {
  const auto busy = engine_.Busy();
  log_->info("cancelling {} groups that still run", busy.size());
  for (const Engine::GroupPtr& group : busy) {
    group->Cancel({.kind = FailureKind::kCancelled, .message = "the daemon is stopping"}, nullptr);
  }
  if (AwaitIdle(config_.stop_timeout, /*hurry=*/false)) return true;
  TellWhatIgnoresIt();
  return false;
}

// True when nothing runs any more; false when the time is up, or, with `hurry`, at another signal.
bool Stopping::AwaitIdle(milliseconds timeout, bool hurry) {
  const auto deadline = steady_clock::now() + timeout;
  for (;;) {
    if (engine_.Busy().empty()) return true;
    const auto rest = std::chrono::duration_cast<nanoseconds>(deadline - steady_clock::now());
    if (rest <= nanoseconds(0)) return false;
    constexpr nanoseconds kLook = milliseconds(20);
    const timespec look{.tv_sec = 0, .tv_nsec = std::min(rest, kLook).count()};
    const int signal_number = sigtimedwait(&signals_, nullptr, &look);
    if (signal_number > 0 && signal_number != SIGHUP && hurry) {
      log_->info("{} again: cancelling now", strsignal(signal_number));
      return false;
    }
  }
}

void Stopping::TellWhatIgnoresIt() {
  for (const Engine::GroupPtr& group : engine_.Busy()) {
    for (const TaskView& task : group->ViewTasks(0, group->task_count())) {
      if (task.state.phase != state::TaskState::Phase::kRunning) continue;
      const auto* function = std::get_if<FunctionSpec>(&task.spec->work);
      log_->error("task {} of group {} ({}) has ignored its cancel for {} ms", task.name, group->id(),
                  function != nullptr                                   ? "function " + function->name
                  : std::holds_alternative<OpaqueSpec>(task.spec->work) ? "neither function nor process"
                                                                        : "a process",
                  config_.stop_timeout.count());
    }
  }
}

}  // namespace covey
