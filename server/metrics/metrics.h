#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "core/journal/journal_counts.h"
#include "core/run/budget.h"
#include "server/services/call_stats.h"
#include "server/services/health.h"

namespace covey::metrics {

// Where the figures come from. What is null is not there (yet), and neither are its families.
struct Sources {
  std::string version;
  std::chrono::system_clock::time_point started{};
  const Engine* engine = nullptr;
  const JournalCounts* journal = nullptr;
  const CallStats* calls = nullptr;
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
