#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
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

// One group that was opened, with its first tasks.
struct TopGroup {
  v1::Group group;
  std::vector<v1::Task> tasks;
};

// What a task wrote last.
struct TopLogs {
  v1::Task task;
  bool standard_error = false;
  std::vector<std::string> lines;  // printable
};

// Tasks that ended a second, by group.
using TopRates = std::map<std::string, double>;

// From one snapshot to the next; groups that are not in both have none.
TopRates RatesBetween(const TopSnapshot& before, const TopSnapshot& after);

// How a text is fitted to the screen.
struct TopSpace {
  size_t columns = 0;  // 0: no bound
  size_t rows = 0;     // 0: no bound
  bool colors = false;
  bool short_ids = false;
};

// Lines, each with its end, at most as many and as wide as there is space for. `selected`: the row that is marked, and
// stays visible; of `groups`, which are those of `now` as they are to be listed.
std::string TopOverviewText(const TopSnapshot& now, const std::vector<const v1::Group*>& groups,
                            const TopRates& rates, size_t selected, const TopSpace& space);
std::string TopGroupText(const TopGroup& opened, const std::vector<const v1::Task*>& tasks, size_t selected,
                         const TopSpace& space);
std::string TopLogsText(const TopLogs& logs, const TopSpace& space);

}  // namespace covey::cli
