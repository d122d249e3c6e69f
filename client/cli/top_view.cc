#include "client/cli/top_view.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "client/cli/format.h"
#include "client/cli/table.h"
#include "client/cli/task_text.h"
#include "client/cli/text.h"
#include "core/base/duration.h"
#include "core/base/plural.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

constexpr size_t kNoRow = SIZE_MAX;

uint32_t EndedTasks(const v1::TaskCounts& tasks) {
  return tasks.succeeded() + tasks.failed() + tasks.stopped();
}

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
  // What matters most comes first: a narrow screen cuts the rest.
  std::string text = Plural(info.running_groups(), "group") + ", " + Plural(info.running_tasks(), "task") +
                     " running, " + std::to_string(info.queued_tasks()) + " waiting, " + RateText(total);
  if (info.draining()) text += "; draining";
  return text + "; coveyd " + Printable(info.version()) + ", up " +
         DurationText(client::FromProto(info.uptime()));
}

std::vector<std::string> SplitLines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void AddLine(std::string* out, std::string_view line, size_t columns) {
  *out += (columns == 0 ? std::string(line) : Cut(line, columns)) + "\n";
}

// A heading and rows, of which those around `selected` that fit into `rows` are shown.
std::string VisibleRows(const std::vector<std::string>& lines, size_t selected, size_t rows, size_t columns) {
  std::string out;
  if (lines.empty() || rows == 0) return out;
  out += lines[0] + "\n";
  const size_t all = lines.size() - 1;
  size_t room = rows - 1;
  if (all <= room) {
    for (size_t i = 1; i <= all; ++i) out += lines[i] + "\n";
    return out;
  }
  if (room == 0) return out;
  --room;  // for the line that says how many are missing
  const size_t kept = selected == kNoRow ? 0 : selected;
  const size_t first = kept < room || room == 0 ? 0 : kept - room + 1;
  for (size_t i = first; i < std::min(first + room, all); ++i) out += lines[i + 1] + "\n";
  AddLine(&out, "… and " + Plural(all - std::min(room, all), "more line"), columns);
  return out;
}

std::string PoolsTable(const std::vector<v1::Pool>& pools, const TopSpace& space) {
  Table table({{.heading = "POOL", .shrinks = true},
               {.heading = "SLOTS", .goes = 2},
               {.heading = "RUNNING", .right = true},
               {.heading = "MAX", .right = true},
               {.heading = "WAITING", .right = true},
               {.heading = "GROUPS", .right = true, .goes = 1}});
  for (const v1::Pool& pool : pools) {
    table.Add({Printable(pool.name()) + (pool.closing() ? " (closing)" : ""),
               Bar(pool.running(), pool.spec().max()), std::to_string(pool.running()),
               std::to_string(pool.spec().max()), std::to_string(pool.waiting()),
               std::to_string(pool.groups())});
  }
  return table.Render(space.columns, space.colors);
}

std::string RowMark(size_t row, size_t selected) { return row == selected ? ">" : ""; }

// Figures come before bars where there is no space for both.
std::string GroupsTable(const std::vector<const v1::Group*>& groups, const TopRates& rates, size_t selected,
                        const TopSpace& space) {
  std::vector<Table::Column> columns = {{.heading = "GROUP", .shrinks = true, .least = 8},
                                        {.heading = "NAME", .shrinks = true},
                                        {.heading = "STATE", .color = StateColor},
                                        {.heading = "PROGRESS", .goes = 7},
                                        {.heading = "DONE", .right = true},
                                        {.heading = "RUNNING", .right = true, .goes = 2},
                                        {.heading = "FAILED", .right = true, .goes = 1},
                                        {.heading = "RATE", .right = true, .goes = 3},
                                        {.heading = "TIME", .right = true, .goes = 4},
                                        {.heading = "COMMAND", .shrinks = true, .least = 14, .goes = 6}};
  const bool marks = selected != kNoRow;
  if (marks) columns.insert(columns.begin(), {.heading = " "});
  Table table(std::move(columns));
  const auto clock = std::chrono::system_clock::now();
  for (size_t i = 0; i < groups.size(); ++i) {
    const v1::Group& group = *groups[i];
    const v1::TaskCounts& tasks = group.tasks();
    const auto rate = rates.find(group.id());
    std::vector<std::string> row = {
        ShownId(group.id(), space.short_ids),
        group.spec().name().empty() ? "-" : Printable(group.spec().name()),
        std::string(StateText(group.state())),
        Bar(EndedTasks(tasks), tasks.submitted()),
        std::to_string(EndedTasks(tasks)) + "/" + std::to_string(tasks.submitted()),
        std::to_string(tasks.running()),
        std::to_string(tasks.failed()),
        rate == rates.end() ? "-" : RateText(rate->second),
        DurationText(Lifetime(group, clock)),
        Printable(group.command())};
    if (marks) row.insert(row.begin(), RowMark(i, selected));
    table.Add(std::move(row));
  }
  return table.Render(space.columns, space.colors);
}

}  // namespace

TopRates RatesBetween(const TopSnapshot& before, const TopSnapshot& after) {
  TopRates rates;
  const double seconds = std::chrono::duration<double>(after.time - before.time).count();
  if (seconds <= 0) return rates;
  std::map<std::string_view, uint32_t> ended;
  for (const v1::Group& group : before.groups) ended[group.id()] = EndedTasks(group.tasks());
  for (const v1::Group& group : after.groups) {
    const auto found = ended.find(group.id());
    if (found == ended.end()) continue;
    const uint32_t now = EndedTasks(group.tasks());
    rates[group.id()] = now > found->second ? (now - found->second) / seconds : 0;
  }
  return rates;
}

std::string TopOverviewText(const TopSnapshot& now, const std::vector<const v1::Group*>& groups,
                            const TopRates& rates, size_t selected, const TopSpace& space) {
  std::string out;
  AddLine(&out, Summary(now, rates), space.columns);
  const std::vector<std::string> pools = SplitLines(PoolsTable(now.pools, space));
  const std::vector<std::string> listed = SplitLines(GroupsTable(groups, rates, selected, space));
  if (space.rows == 0) {
    out += "\n" + VisibleRows(pools, kNoRow, pools.size(), 0) + "\n";
    return out + VisibleRows(listed, selected, listed.size(), 0);
  }
  // PoolsTable take a third at most, and nothing where there is hardly space for groups.
  constexpr size_t kLow = 8;
  size_t left = space.rows - std::min<size_t>(space.rows, 1);
  if (space.rows >= kLow) {
    const size_t rows = std::min(pools.size(), std::max<size_t>(left / 3, 2));
    out += "\n" + VisibleRows(pools, kNoRow, rows, space.columns) + "\n";
    left -= std::min(left, rows + 2);
  }
  return out + VisibleRows(listed, selected, left, space.columns);
}

std::string TopGroupText(const TopGroup& opened, const std::vector<const v1::Task*>& tasks, size_t selected,
                         const TopSpace& space) {
  const v1::Group& group = opened.group;
  std::string out;
  const std::string name = group.spec().name().empty() ? "" : " " + Printable(group.spec().name());
  AddLine(&out,
          ShownId(group.id(), space.short_ids) + name + ": " + std::string(StateText(group.state())) + ", " +
              CountsText(group.tasks()),
          space.columns);
  Table table({{.heading = " "},
               {.heading = "TASK", .shrinks = true},
               {.heading = "STATE", .color = StateColor},
               {.heading = "TIME", .right = true, .goes = 1},
               {.heading = "RUNS", .shrinks = true, .least = 10, .goes = 2},
               {.heading = "FAILURE", .shrinks = true, .least = 10, .goes = 3}});
  for (size_t i = 0; i < tasks.size(); ++i) {
    std::vector<std::string> row = TaskRow(*tasks[i]);
    row.insert(row.begin(), RowMark(i, selected));
    table.Add(std::move(row));
  }
  const size_t rows = space.rows == 0 ? tasks.size() + 1 : space.rows - std::min<size_t>(space.rows, 1);
  return out +
         VisibleRows(SplitLines(table.Render(space.columns, space.colors)), selected, rows, space.columns);
}

std::string TopLogsText(const TopLogs& logs, const TopSpace& space) {
  std::string out;
  const v1::Task& task = logs.task;
  AddLine(&out,
          std::string(logs.standard_error ? "stderr" : "stdout") + " of " + Printable(task.name()) + ": " +
              std::string(StateText(task.state())) +
              (task.has_failure() ? ", " + FailureText(task.failure()) : ""),
          space.columns);
  const size_t rows = space.rows == 0 ? logs.lines.size() : space.rows - std::min<size_t>(space.rows, 1);
  const size_t first = logs.lines.size() - std::min(rows, logs.lines.size());
  for (size_t i = first; i < logs.lines.size(); ++i) AddLine(&out, logs.lines[i], space.columns);
  if (logs.lines.empty() && rows > 0) AddLine(&out, "(nothing was written)", space.columns);
  return out;
}

}  // namespace covey::cli
