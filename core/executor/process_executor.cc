#include "core/executor/process_executor.h"

#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <string_view>
#include <utility>

#include "core/base/plural.h"

namespace covey {
namespace {

// A supervisor's listener that tells an attempt's.
class Adapter final : public ProcessListener {
 public:
  using Leftovers = ProcessExecutor::Leftovers;
  using Tell = std::function<void(const Leftovers&)>;

  Adapter(std::weak_ptr<ProcessSupervisor> supervisor, std::shared_ptr<AttemptListener> listener,
          Leftovers none, Tell on_leftovers)
      : supervisor_(std::move(supervisor)),
        listener_(std::move(listener)),
        leftovers_(std::move(none)),
        on_leftovers_(std::move(on_leftovers)) {}

  void OnStarted(pid_t) override { listener_->OnStarted(); }
  size_t OutputRoom(ProcessId id, OutputStream stream) override {
    if (!has_room_) {
      has_room_ = [weak = supervisor_, id] {
        if (const auto supervisor = weak.lock()) supervisor->Resume(id);
      };
    }
    return listener_->OutputRoom(stream, has_room_);
  }
  void OnOutput(OutputStream stream, std::string_view bytes) override { listener_->OnOutput(stream, bytes); }
  void OnStopDelivered(int signal) override { listener_->OnDelivered(signal); }
  void OnKilled() override { listener_->OnKilled(); }
  void OnGone(const ProcessResult& result) override {
    if (on_leftovers_ && result.leftovers_killed > 0) {
      leftovers_.killed = result.leftovers_killed;
      on_leftovers_(leftovers_);
    }
    listener_->OnExit(ToStatus(result), nullptr);
  }

 private:
  static Status ToStatus(const ProcessResult& result) {
    Failure failure{.code = result.code, .message = result.message, .detail = result.stderr_tail};
    switch (result.kind) {
      case ProcessResult::Kind::kExited:
        if (result.code == 0) return Status::Ok();
        failure.kind = FailureKind::kExit;
        failure.message = "exited with code " + std::to_string(result.code);
        break;
      case ProcessResult::Kind::kSignalled: {
        const char* name = sigabbrev_np(result.code);
        failure.kind = FailureKind::kSignal;
        failure.message = "ended by " + (name == nullptr ? "signal " + std::to_string(result.code)
                                                         : std::string("SIG") + name);
        if (!result.message.empty()) failure.message += ": " + result.message;
        break;
      }
      case ProcessResult::Kind::kStartFailed:
        failure.kind = FailureKind::kExit;
        break;
      case ProcessResult::Kind::kCancelled:
        failure.kind = FailureKind::kCancelled;
        failure.message = "stopped before it was started";
        break;
      case ProcessResult::Kind::kLost:
        failure.kind = FailureKind::kLost;
        if (failure.message.empty())
          failure.message = "how the process ended cannot be known: somebody else reaped it";
        break;
    }
    return failure;
  }

  const std::weak_ptr<ProcessSupervisor> supervisor_;
  const std::shared_ptr<AttemptListener> listener_;
  Leftovers leftovers_;
  const Tell on_leftovers_;
  std::function<void()> has_room_;
};

using Environment = std::map<std::string, std::string>;

// What a process gets of the daemon's environment. What tells a user of himself is not for another one.
Environment Inherited(const ProcessSpec& spec) {
  constexpr std::array<std::string_view, 5> kOfUser = {"HOME", "USER", "LOGNAME", "SHELL", "MAIL"};
  constexpr std::array<std::string_view, 4> kAlways = {"PATH", "HOME", "LANG", "TZ"};
  // What a service manager has told the daemon about itself (sd_notify(3)).
  constexpr std::array<std::string_view, 3> kOfDaemon = {"NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"};
  const auto contains = [](const auto& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  Environment env;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const size_t equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    if (equals == std::string_view::npos || name.empty() || name.starts_with("COVEY_") ||
        contains(kOfDaemon, name))
      continue;
    if (!spec.inherit_env && !contains(kAlways, name)) continue;
    if (!spec.user.empty() && contains(kOfUser, name)) continue;
    env.emplace(name, text.substr(equals + 1));
  }
  return env;
}

// Seconds since 1970, with milliseconds.
std::string UnixTime(std::chrono::steady_clock::time_point instant) {
  const auto rest = instant - std::chrono::steady_clock::now();
  const auto at = std::chrono::floor<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch() + rest);
  const std::string text = std::to_string(at.count());
  return text.size() <= 3 ? "0" : text.substr(0, text.size() - 3) + "." + text.substr(text.size() - 3);
}

class ProcessExecution final : public Execution {
 public:
  ProcessExecution(std::shared_ptr<ProcessSupervisor> supervisor, ProcessId id)
      : supervisor_(std::move(supervisor)), id_(id) {}
  void Stop(const Failure&) override { supervisor_->Stop(id_); }

 private:
  const std::shared_ptr<ProcessSupervisor> supervisor_;
  const ProcessId id_;
};

}  // namespace

std::shared_ptr<Execution> ProcessExecutor::Start(const Launch& launch,
                                                  std::shared_ptr<AttemptListener> listener) {
  const auto& given = std::get<std::shared_ptr<const ProcessSpec>>(launch.spec->work);
  Environment env = Inherited(*given);
  for (const auto& [name, value] : given->env) env[name] = value;
  env["COVEY_GROUP"] = launch.group;
  env["COVEY_TASK"] = launch.task;
  if (!address_.empty()) env["COVEY_ADDRESS"] = address_;
  env.erase("COVEY_DEADLINE");
  if (launch.deadline) env["COVEY_DEADLINE"] = UnixTime(*launch.deadline);

  std::string token = token_prefix_ + launch.group + "/" + std::to_string(launch.index) + "." +
                      std::to_string(launch.attempt);
  auto adapter = std::make_shared<Adapter>(
      supervisor_, std::move(listener),
      Leftovers{.group = launch.group, .task = launch.task, .attempt = launch.attempt}, on_leftovers_);
  const ProcessId id =
      supervisor_->Start(given, std::move(token), std::move(adapter), Variables(env.begin(), env.end()));
  return std::make_shared<ProcessExecution>(supervisor_, id);
}

}  // namespace covey
