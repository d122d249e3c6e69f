#pragma once

#include <functional>
#include <memory>
#include <string>

#include "server/services/service_context.h"

namespace covey {

// What ties a group to the call that made it: when this is destroyed before Release, the group is cancelled,
// also one that is still being made then and that nobody else knows of.
class [[nodiscard]] Ownership {
 public:
  Ownership();
  ~Ownership();
  Ownership(const Ownership&) = delete;
  Ownership& operator=(const Ownership&) = delete;

  // For the engine, which answers with the new group on any thread and perhaps late; passes its answer on.
  std::function<void(Result<GroupPtr>)> Creating(std::function<void(Result<GroupPtr>)> done) const;

  // The cause that a cancelled group shows.
  void set_cause(std::string cause) { cause_ = std::move(cause); }
  // The group is over, or ends without its owner.
  void Release() { released_ = true; }

 private:
  class Tie;

  const std::shared_ptr<Tie> tie_;
  std::string cause_ = "owner_lost: the call failed";
  bool released_ = false;
};

}  // namespace covey
