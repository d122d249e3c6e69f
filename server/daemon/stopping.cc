#include "server/daemon/stopping.h"

#include <spdlog/spdlog.h>
#include <string.h>

#include <algorithm>
#include <variant>

#include "core/base/plural.h"

namespace covey {
namespace {

using Phase = state::TaskState::Phase;
using std::chrono::milliseconds;

constexpr milliseconds kLook{10};
// Kept of the budget for what follows a SIGKILL: reaping, and the last records.
constexpr milliseconds kLongestReserve{1000};
// Those take as long even when the budget is tiny.
constexpr milliseconds kAfterKill{500};
constexpr size_t kMostNames = 5;
constexpr size_t kMostGroups = 100;

std::string Names(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kMostNames); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMostNames) text += " and " + std::to_string(names.size() - kMostNames) + " more";
  return text;
}

}  // namespace

Stopping::Stopping(Engine& engine, ProcessExecutor& processes, const Config& config, const sigset_t& signals,
                   std::shared_ptr<spdlog::logger> log)
    : engine_(engine), processes_(processes), config_(config), signals_(signals), log_(std::move(log)) {
  engine_.BeginStop(/*suspend=*/config_.on_stop == OnStop::kSuspend);
  left_ = engine_.Busy();
  if (config_.on_stop == OnStop::kCancel) return;
  for (const Engine::GroupPtr& group : left_) {
    if (!group->spec()->attached) watched_.push_back({group, group->RunningAttempts()});
  }
}

milliseconds Stopping::rest() const {
  const auto spent = std::chrono::floor<milliseconds>(Clock::now() - begin_);
  return std::max(config_.stop_timeout - spent, milliseconds(0));
}

bool Stopping::Run() {
  const auto reserve = std::min(config_.stop_timeout / 10, kLongestReserve);
  bool quiet = Await(begin_ + std::min(config_.drain_timeout, config_.stop_timeout / 2));
  if (!quiet) {
    TellToStop();
    quiet = Await(begin_ + config_.stop_timeout - reserve);
  }
  if (!quiet) {
    processes_.KillAll();
    quiet = Await(std::max(begin_ + config_.stop_timeout, Clock::now() + kAfterKill));
  }
  if (config_.on_stop == OnStop::kSuspend) TellFates();
  if (!quiet) TellWhatIgnoresIt();
  return quiet;
}

void Stopping::TellToStop() {
  if (config_.on_stop == OnStop::kSuspend) {
    log_->info("telling what still runs in {} to stop", Plural(left_.size(), "group"));
    interrupts_ = true;
    return;
  }
  left_ = engine_.Busy();
  log_->info("cancelling what still runs in {}", Plural(left_.size(), "group"));
  for (const Engine::GroupPtr& group : left_) {
    group->Cancel({.kind = FailureKind::kCancelled, .message = "the daemon is stopping"}, nullptr);
  }
}

bool Stopping::Quiet() {
  if (interrupts_) {  // each time: an attempt may have been about to begin
    for (const Engine::GroupPtr& group : left_) group->Interrupt();
  }
  const bool suspends = config_.on_stop == OnStop::kSuspend;
  std::erase_if(left_, [suspends](const Engine::GroupPtr& group) {
    return suspends ? group->quiet() : !group->busy();
  });
  return left_.empty();
}

bool Stopping::Await(Clock::time_point until) {
  for (;;) {
    if (Quiet()) return true;
    const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(until - Clock::now());
    if (rest.count() <= 0) return false;
    const timespec look{.tv_sec = 0, .tv_nsec = std::min<std::chrono::nanoseconds>(rest, kLook).count()};
    const int signal_number = sigtimedwait(&signals_, nullptr, &look);
    if (signal_number != SIGTERM && signal_number != SIGINT) continue;
    log_->info("{} again: not waiting any longer for this", strsignal(signal_number));
    return false;
  }
}

Stopping::Fate Stopping::FateOf(const Watched& watched) const {
  Fate fate;
  for (const auto& [task, attempt] : watched.attempts) {
    const TaskView view = watched.group->ViewTask(task);
    const bool runs = view.state.phase == Phase::kRunning;  // as far as the journal knows
    if (runs ? view.spec->rerun_on_restart : view.state.phase == Phase::kQueued) {
      ++fate.again;
    } else if (runs || view.state.failure == FailureKind::kLost) {
      fate.lost.push_back(view.name);
    }
  }
  return fate;
}

void Stopping::TellFates() const {
  size_t queued = 0;
  size_t again = 0;
  size_t lost = 0;
  std::vector<std::string> failed;
  for (const Watched& watched : watched_) {
    const Fate fate = FateOf(watched);
    const state::GroupState state = watched.group->View().state;
    queued += state.queued;
    again += fate.again;
    lost += fate.lost.size();
    const bool will = !state.decided && state.policy == state::Policy::kAll &&
                      state.failed + fate.lost.size() > state.max_failures;
    const bool has = state.decided && state.failure == FailureKind::kLost;
    if (fate.lost.empty() || !(has || will)) continue;
    failed.push_back("group " + watched.group->id() + (has ? " has failed" : " will fail") +
                     ": its policy is ALL and this stop has lost " + Names(fate.lost));
  }
  if (queued + lost > 0) {
    log_->info("{} queued, {} of which will run again; {} lost", Plural(queued, "task stays", "tasks stay"),
               again, lost);
  }
  for (size_t i = 0; i < std::min(failed.size(), kMostGroups); ++i) log_->warn("{}", failed[i]);
  if (failed.size() > kMostGroups)
    log_->warn("… and {}", Plural(failed.size() - kMostGroups, "group more", "groups more"));
  if (!failed.empty()) log_->warn("tasks with rerun_on_restart are run again instead of being lost");
}

void Stopping::TellWhatIgnoresIt() const {
  for (const Engine::GroupPtr& group : left_) {
    for (const auto& [task, attempt] : group->RunningAttempts()) {
      const TaskView view = group->ViewTask(task);
      const auto* function = std::get_if<FunctionSpec>(&view.spec->work);
      log_->error("task {} of group {} ({}) has ignored its stop for {} ms", view.name, group->id(),
                  function != nullptr                                   ? "function " + function->name
                  : std::holds_alternative<OpaqueSpec>(view.spec->work) ? "neither function nor process"
                                                                        : "a process",
                  config_.stop_timeout.count());
    }
  }
}

}  // namespace covey
