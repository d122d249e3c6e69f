#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/retention.h"
#include "core/journal/journal_counts.h"
#include "core/run/budget.h"
#include "server/log/log.h"
#include "server/services/call_stats.h"
#include "server/services/health.h"
#include "server/services/stream_stats.h"

namespace covey::metrics {

// What a daemon has done beside its groups.
//
// Thread safety: all of it.
struct WorkCounts {
  std::atomic<uint64_t> recovery_microseconds = 0;  // of the start
  std::atomic<uint64_t> recovered_groups = 0;
  std::atomic<uint64_t> leftovers_of_tasks = 0;  // processes that were killed
  std::atomic<uint64_t> leftovers_of_earlier_run = 0;
};

// Where the figures come from. What is null is not there (yet), and neither are its families.
struct Sources {
  std::string version;
  std::chrono::system_clock::time_point started{};
  const Engine* engine = nullptr;
  const JournalCounts* journal = nullptr;
  const CallStats* calls = nullptr;
  const StreamStats* streams = nullptr;
  const Retention* retention = nullptr;
  const WorkCounts* work = nullptr;
  const Log::Counts* log = nullptr;
  const Health* health = nullptr;
  bool serving = false;  // calls are let in
  // Beyond those of the engine, by the setting that bounds them.
  std::vector<std::pair<std::string, std::shared_ptr<const Budget>>> budgets;
};

// All there is to know, in Prometheus' text format 0.0.4. Labels are of closed sets; pools beyond
// EngineCounts::kMostPools share one. From any thread.
std::string Text(const Sources& sources);
inline constexpr char kContentType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace covey::metrics
