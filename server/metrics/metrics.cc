#include "server/metrics/metrics.h"

#include <dirent.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "server/metrics/parts.h"

namespace covey::metrics {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

size_t Entries(const char* directory) {
  DIR* const entries = opendir(directory);
  if (entries == nullptr) return 0;
  size_t count = 0;
  while (const dirent* entry = readdir(entries))
    count += std::string_view(entry->d_name).starts_with('.') ? 0 : 1;
  closedir(entries);
  return count;
}

}  // namespace

void AddJournal(const JournalCounts& journal, Families& families) {
  HistogramFamily(families, "covey_journal_append_seconds", "From an append to its being durable.")
      .Add({}, journal.appended.view(), Family::kMicroseconds);
  HistogramFamily(families, "covey_journal_commit_appends", "Appends that shared a commit, and so a sync.")
      .Add({}, journal.committed.view(), 1);
  Counter(families, "covey_journal_errors_total", "Commits that failed.")
      .Add({}, static_cast<double>(journal.failures.load(std::memory_order_relaxed)));
}

void AddBounds(const Sources& sources, Families& families) {
  std::vector<std::pair<std::string, std::pair<uint64_t, uint64_t>>> rows;
  const auto add = [&](std::string key, uint64_t used, uint64_t limit) {
    rows.emplace_back(std::move(key), std::pair(used, limit));
  };
  if (sources.engine != nullptr) {
    const Budget::Usage queue = sources.engine->queue_usage();
    add("max_queued", queue.used.tasks, queue.limit.tasks);
    add("max_queued_bytes", queue.used.bytes, queue.limit.bytes);
    const Budget::Usage groups = sources.engine->memory_usage();
    add("max_group_memory", groups.used.bytes, groups.limit.bytes);
  }
  if (sources.retention != nullptr) {
    const Retention::View view = sources.retention->view();
    add("retain_groups", view.usage.ended_groups, view.bounds.groups);
    add("retain_bytes", view.usage.ended_bytes, view.bounds.bytes);
  }
  for (const auto& [key, budget] : sources.budgets) {
    const Budget::Usage usage = budget->usage();
    add(key, usage.used.bytes, usage.limit.bytes);
  }
  {
    Family used = Gauge(families, "covey_bound_used", "How much of a bound is in use, by its setting.");
    for (const auto& [key, row] : rows) used.Add({{"bound", key}}, static_cast<double>(row.first));
  }
  Family limit = Gauge(families, "covey_bound_limit", "The bound, by its setting; 0: there is none.");
  for (const auto& [key, row] : rows) limit.Add({{"bound", key}}, static_cast<double>(row.second));
}

// Named as the client libraries of Prometheus name them.
void AddProcess(const Sources& sources, Families& families) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  Counter(families, "process_cpu_seconds_total", "CPU time of the daemon, without its tasks.")
      .Add({}, Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  if (FILE* const file = std::fopen("/proc/self/statm", "re")) {
    unsigned long pages = 0;
    unsigned long resident = 0;
    if (std::fscanf(file, "%lu %lu", &pages, &resident) == 2) {
      const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
      Gauge(families, "process_virtual_memory_bytes", "Virtual memory.")
          .Add({}, static_cast<double>(pages) * page);
      Gauge(families, "process_resident_memory_bytes", "Resident memory.")
          .Add({}, static_cast<double>(resident) * page);
    }
    std::fclose(file);
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  Gauge(families, "process_open_fds", "Open file descriptors.")
      .Add({}, static_cast<double>(Entries("/proc/self/fd")));
  Gauge(families, "process_max_fds", "File descriptors that may be open.")
      .Add({}, static_cast<double>(files.rlim_cur));
  Gauge(families, "process_threads", "Threads.").Add({}, static_cast<double>(Entries("/proc/self/task")));
  Gauge(families, "process_start_time_seconds", "When the daemon started, since the epoch.")
      .Add({}, std::chrono::duration<double>(sources.started.time_since_epoch()).count());
}

std::string Text(const Sources& sources) {
  Families families;
  Gauge(families, "covey_build_info", "1; what runs.")
      .Add({{"version", sources.version},
            {"journal", sources.engine == nullptr ? "" : sources.engine->journal_capabilities().backend}},
           1);
  Gauge(families, "covey_serving", "1: calls are let in, and work is taken.")
      .Add({}, sources.serving && (sources.health == nullptr || sources.health->well()) ? 1 : 0);
  if (sources.engine != nullptr) {
    AddEngine(*sources.engine, families);
    const JournalUsage usage = sources.engine->journal_usage();
    Gauge(families, "covey_journal_size_bytes", "The file of the journal, without its log.")
        .Add({}, static_cast<double>(usage.file_bytes));
    Gauge(families, "covey_ended_groups", "Groups that are over and are kept.")
        .Add({}, static_cast<double>(usage.ended_groups));
    Gauge(families, "covey_ended_bytes", "What they take, in journal and output.")
        .Add({}, static_cast<double>(usage.ended_bytes));
  }
  if (sources.journal != nullptr) AddJournal(*sources.journal, families);
  if (sources.calls != nullptr) AddCalls(*sources.calls, families);
  if (sources.streams != nullptr) AddStreams(*sources.streams, families);
  if (sources.work != nullptr) AddWork(*sources.work, sources.engine, families);
  if (sources.log != nullptr) AddLog(*sources.log, families);
  AddBounds(sources, families);
  AddProcess(sources, families);
  std::erase_if(families, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace covey::metrics
