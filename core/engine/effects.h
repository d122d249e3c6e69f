#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/engine/group_snapshot.h"
#include "core/executor/executor.h"
#include "core/journal/journal.h"

namespace covey {

// What a step under a group's lock causes outside it. DurableGroup carries it out without the lock, in the
// order of these fields.
struct Effects {
  struct Start {
    Executor* executor;
    Launch launch;
    std::shared_ptr<AttemptListener> listener;
  };

  // Tasks to be left to the journal, once it has this.
  struct Fold {
    std::shared_ptr<const GroupSnapshot> snapshot;
    Snapshot stored;
    uint64_t epoch = 0;
  };

  std::vector<std::pair<std::shared_ptr<Execution>, std::shared_ptr<const Failure>>> stops;
  uint64_t specs_from = 0;     // number of the event from which on specs are to be read; 0: none
  std::vector<uint64_t> push;  // tickets to queue
  std::vector<Start> starts;
  bool completed = false;                    // the group is over, or another owner's
  std::vector<std::function<void()>> calls;  // replies, waiters
  std::optional<Fold> fold;
  size_t release = 0;   // slots to give back
  bool events = false;  // something became durable
  bool notice = false;  // watchers are to be told, behind all that became so with it
};

}  // namespace covey
