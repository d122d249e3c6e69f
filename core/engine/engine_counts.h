#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/histogram.h"
#include "core/base/mutex.h"
#include "core/spec/task_spec.h"
#include "core/state/event.h"
#include "covey/status.h"

namespace covey {

using Count = std::atomic<uint64_t>;

inline constexpr size_t kWorkKinds = std::variant_size_v<TaskWork>;
inline constexpr size_t kFailureKinds = static_cast<size_t>(FailureKind::kRejected) + 1;
inline constexpr size_t kEndings = static_cast<size_t>(state::Ending::kStopped) + 1;
inline constexpr size_t kOutcomes = static_cast<size_t>(state::Outcome::kCancelled) + 1;

// What has become durable of the groups of one pool since the engine was made.
//
// Thread safety: all of it; no locks. Nearly all is counted on the thread that applies what was committed, so its
// cache lines are shared with whoever reads the figures, and with no other task.
struct PoolCounts {
  struct OfKind {
    Count submitted = 0;
    Count attempts = 0;
    Count reruns = 0;  // attempts that are not the first of their task
    std::array<std::array<Count, kFailureKinds>, kEndings> ended{};
    Durations queued;  // from the submission to the first start
    Durations ran;     // of attempts
  };

  Count groups_created = 0;
  std::array<std::array<Count, kFailureKinds>, kOutcomes> groups_ended{};
  Count stopped_in_queue = 0;  // tasks that never started, for the decision of their group
  std::array<OfKind, kWorkKinds> kinds;
};

// The same of all groups, by pool, and what is no pool's.
//
// Thread safety: all of it.
class EngineCounts {
 public:
  // Pools beyond that are counted as one, kOtherPools: what has a label of its own for ever must be bounded.
  static constexpr size_t kMostPools = 200;
  static constexpr std::string_view kOtherPools = "other";

  EngineCounts() = default;
  EngineCounts(const EngineCounts&) = delete;
  EngineCounts& operator=(const EngineCounts&) = delete;

  // Lives as long as this. Made when it is first asked for.
  PoolCounts& OfPool(std::string_view pool) COVEY_EXCLUDES(mutex_);
  // By name.
  std::vector<std::pair<std::string, const PoolCounts*>> pools() const COVEY_EXCLUDES(mutex_);

  Durations cancel_delivered;          // from the request of a cancel to its signal
  Durations cancel_gone;               // and until nothing of the attempt was left
  Count events = 0;                    // that became durable
  std::array<Count, 2> output{};       // bytes that attempts wrote: standard output, standard error
  std::array<Count, 2> output_lost{};  // and that were not kept

 private:
  mutable Mutex mutex_;
  std::map<std::string, PoolCounts, std::less<>> pools_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
