#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "server/services/dispatcher.h"

namespace covey {

// The tasks of the messages of one RunGroup call, one message after the other: checked, and, when the call asks
// for it, freed of those that cannot be taken. Belongs to the queue's thread.
class RunIntake {
 public:
  explicit RunIntake(const ServiceContext& context) : context_(context) {}
  RunIntake(const RunIntake&) = delete;
  RunIntake& operator=(const RunIntake&) = delete;

  // The tasks of the next message; the first one says what becomes of bad tasks. Those that are refused by
  // themselves are taken out of it. `group` is null for the first.
  edge::Task<Result<std::vector<TaskSpec>>> Take(v1::RunGroupRequest& message, const GroupPtr& group);
  // The engine has refused the message at hand. True: for one task, which was taken out of it, so that the rest
  // may be tried again.
  bool Refuse(v1::RunGroupRequest& message, const Error& error);
  // An error of the message at hand, with its number.
  Error InMessage(Error error) const;
  // What was refused since the last time, to be told.
  std::vector<v1::RefusedTask> TakeRefused() { return std::exchange(refused_, {}); }

 private:
  // Takes out of a message what cannot be taken.
  Handled Sift(v1::RunGroupRequest& message, const GroupPtr& group);
  // Why a task cannot be taken, its fields named from the task on.
  edge::Task<Result<Void>> CheckTask(const v1::TaskSpec& task, const GroupPtr& group);
  void Note(size_t place, const Error& error);

  const ServiceContext& context_;
  uint64_t number_ = 0;  // of the message at hand
  bool refuses_ = false;
  std::vector<uint32_t> places_;  // where the tasks that it still has stood in it
  std::vector<v1::RefusedTask> refused_;
};

}  // namespace covey
