#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "covey/v1/admin_service.pb.h"
#include "covey/v1/pool_service.pb.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// What `covey top` shows: the daemon at one moment.
struct TopSnapshot {
  std::chrono::steady_clock::time_point time;
  v1::GetServerInfoResponse info;
  std::vector<v1::Pool> pools;
  std::vector<v1::Group> groups;  // not over, newest first
};

// Tasks that ended a second, by group.
using TopRates = std::map<std::string, double>;

// From one snapshot to the next; groups that are not in both have none.
TopRates RatesBetween(const TopSnapshot& before, const TopSnapshot& after);

// The screen as lines of at most `columns`, each with its end; 0 is no bound. Cut to `rows`, the last of
// which then says how many lines are missing; 0 is no bound.
std::string TopText(const TopSnapshot& now, const TopRates& rates, size_t columns, size_t rows);

}  // namespace covey::cli
