#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/executor/executor.h"
#include "core/process/supervisor.h"

namespace covey {

// Runs process trees. A process gets the environment of its spec over PATH, HOME, LANG and TZ of the daemon
// (with `inherit_env` over all of it but COVEY_*), and COVEY_GROUP, COVEY_TASK, COVEY_ADDRESS and, when it has
// one, COVEY_DEADLINE: seconds since 1970, with milliseconds, the earlier of its own and its group's. One with
// a `user` gets HOME, USER, LOGNAME and SHELL of that user instead of the daemon's.
class ProcessExecutor final : public Executor {
 public:
  // What was left of an attempt when its first process had ended, and was killed.
  struct Leftovers {
    std::string group;
    std::string task;
    uint32_t attempt = 0;
    size_t killed = 0;  // processes
  };

  // Name of the variable by which the supervisor knows the members of a tree.
  static constexpr const char* kTokenVariable = "COVEY_ATTEMPT";

  // `token_prefix`: tells the processes of this run of the daemon from all others. `address`: where tasks
  // reach the daemon; empty: nowhere. `on_leftovers` is told which attempts left processes behind; may be empty.
  ProcessExecutor(std::unique_ptr<ProcessSupervisor> supervisor, std::string token_prefix,
                  std::string address, std::function<void(const Leftovers&)> on_leftovers)
      : supervisor_(std::move(supervisor)),
        token_prefix_(std::move(token_prefix)),
        address_(std::move(address)),
        on_leftovers_(std::move(on_leftovers)) {}

  std::shared_ptr<Execution> Start(const Launch& launch, std::shared_ptr<AttemptListener> listener) override;

  // SIGKILL to all that runs, now.
  void KillAll() { supervisor_->KillAll(); }

  // What may be run and how: ProcessSupervisor::Check, controllers.
  const ProcessSupervisor& supervisor() const { return *supervisor_; }

 private:
  const std::shared_ptr<ProcessSupervisor> supervisor_;
  const std::string token_prefix_;
  const std::string address_;
  const std::function<void(const Leftovers&)> on_leftovers_;
};

}  // namespace covey
