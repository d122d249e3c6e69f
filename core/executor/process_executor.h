#pragma once

#include <string>

#include "core/executor/executor.h"
#include "core/process/supervisor.h"

namespace covey {

// Runs process trees. A process gets the environment of its spec over PATH, HOME, LANG and TZ of the daemon
// (with `inherit_env` over all of it but COVEY_*), and COVEY_GROUP, COVEY_TASK and COVEY_ADDRESS. One with
// a `user` gets HOME, USER, LOGNAME and SHELL of that user instead of the daemon's.
class ProcessExecutor final : public Executor {
 public:
  // Name of the variable by which the supervisor knows the members of a tree.
  static constexpr const char* kTokenVariable = "COVEY_ATTEMPT";

  // `token_prefix`: tells the processes of this daemon's journal from all others. `address`: where tasks
  // reach the daemon; empty: nowhere.
  ProcessExecutor(std::unique_ptr<ProcessSupervisor> supervisor, std::string token_prefix,
                  std::string address)
      : supervisor_(std::move(supervisor)),
        token_prefix_(std::move(token_prefix)),
        address_(std::move(address)) {}

  std::shared_ptr<Execution> Start(const Launch& launch, std::shared_ptr<AttemptListener> listener) override;

  // SIGKILL to all that runs, now.
  void KillAll() { supervisor_->KillAll(); }

  // What may be run and how: ProcessSupervisor::Check, controllers.
  const ProcessSupervisor& supervisor() const { return *supervisor_; }

 private:
  const std::shared_ptr<ProcessSupervisor> supervisor_;
  const std::string token_prefix_;
  const std::string address_;
};

}  // namespace covey
