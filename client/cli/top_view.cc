#include "client/cli/top_view.h"

#include <algorithm>
#include <cstdio>

#include "client/cli/format.h"
#include "client/cli/table.h"
#include "client/cli/text.h"
#include "core/base/duration.h"
#include "core/base/plural.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

uint32_t Ended(const v1::TaskCounts& tasks) { return tasks.succeeded() + tasks.failed() + tasks.stopped(); }

std::string RateText(double rate) {
  char text[32];
  (void)std::snprintf(text, sizeof(text), rate < 10 ? "%.1f/s" : "%.0f/s", rate);
  return text;
}

// "[####......]".
std::string Bar(uint64_t done, uint64_t all) {
  constexpr uint64_t kWidth = 10;
  const uint64_t filled = all == 0 ? 0 : std::min(done, all) * kWidth / all;
  return "[" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "]";
}

std::string Summary(const TopSnapshot& now, const TopRates& rates) {
  double total = 0;
  for (const auto& [group, rate] : rates) total += rate;
  const v1::GetServerInfoResponse& info = now.info;
  std::string text = "coveyd " + Printable(info.version()) + ", up " +
                     DurationText(client::FromProto(info.uptime())) + ": " +
                     Plural(info.running_groups(), "group") + ", " + Plural(info.running_tasks(), "task") +
                     " running, " + std::to_string(info.queued_tasks()) + " waiting, " + RateText(total);
  if (info.draining()) text += "; draining";
  return text;
}

std::string Pools(const std::vector<v1::Pool>& pools, size_t columns) {
  Table table({{.heading = "POOL", .shrinks = true},
               {.heading = "SLOTS"},
               {.heading = "RUNNING", .right = true},
               {.heading = "MAX", .right = true},
               {.heading = "WAITING", .right = true},
               {.heading = "GROUPS", .right = true}});
  for (const v1::Pool& pool : pools) {
    table.Add({Printable(pool.name()) + (pool.closing() ? " (closing)" : ""),
               Bar(pool.running(), pool.spec().max()), std::to_string(pool.running()),
               std::to_string(pool.spec().max()), std::to_string(pool.waiting()),
               std::to_string(pool.groups())});
  }
  return table.Render(columns);
}

std::string Groups(const TopSnapshot& now, const TopRates& rates, size_t columns) {
  Table table({{.heading = "GROUP", .shrinks = true},
               {.heading = "NAME", .shrinks = true},
               {.heading = "STATE"},
               {.heading = "PROGRESS"},
               {.heading = "DONE", .right = true},
               {.heading = "RUNNING", .right = true},
               {.heading = "FAILED", .right = true},
               {.heading = "RATE", .right = true},
               {.heading = "TIME", .right = true}});
  const auto clock = std::chrono::system_clock::now();
  for (const v1::Group& group : now.groups) {
    const v1::TaskCounts& tasks = group.tasks();
    const auto rate = rates.find(group.id());
    table.Add({Printable(group.id()), group.spec().name().empty() ? "-" : Printable(group.spec().name()),
               std::string(StateText(group.state())), Bar(Ended(tasks), tasks.submitted()),
               std::to_string(Ended(tasks)) + "/" + std::to_string(tasks.submitted()),
               std::to_string(tasks.running()), std::to_string(tasks.failed()),
               rate == rates.end() ? "-" : RateText(rate->second), DurationText(Lifetime(group, clock))});
  }
  return table.Render(columns);
}

}  // namespace

TopRates RatesBetween(const TopSnapshot& before, const TopSnapshot& after) {
  TopRates rates;
  const double seconds = std::chrono::duration<double>(after.time - before.time).count();
  if (seconds <= 0) return rates;
  std::map<std::string_view, uint32_t> ended;
  for (const v1::Group& group : before.groups) ended[group.id()] = Ended(group.tasks());
  for (const v1::Group& group : after.groups) {
    const auto found = ended.find(group.id());
    if (found == ended.end()) continue;
    const uint32_t now = Ended(group.tasks());
    rates[group.id()] = now > found->second ? (now - found->second) / seconds : 0;
  }
  return rates;
}

std::string TopText(const TopSnapshot& now, const TopRates& rates, size_t columns, size_t rows) {
  std::string text =
      Summary(now, rates) + "\n\n" + Pools(now.pools, columns) + "\n" + Groups(now, rates, columns);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    const std::string_view line = std::string_view(text).substr(begin, end - begin);
    lines.push_back(columns == 0 ? std::string(line) : Cut(line, columns));
    begin = end + 1;
  }
  if (rows > 0 && lines.size() > rows) {
    const size_t missing = lines.size() - rows + 1;
    lines.resize(rows - 1);
    lines.push_back(Cut("… and " + Plural(missing, "more line"), columns == 0 ? SIZE_MAX : columns));
  }
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

}  // namespace covey::cli
