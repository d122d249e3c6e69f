#include <string>

#include "server/metrics/parts.h"

// What the daemon itself has done: its recovery, its log, what it cleared away; and who reads from it.
namespace covey::metrics {

void AddWork(const WorkCounts& work, const Engine* engine, Families& families) {
  const auto value = [](const std::atomic<uint64_t>& count) {
    return static_cast<double>(count.load(std::memory_order_relaxed));
  };
  Gauge(families, "covey_recovery_seconds", "How long the start took to read and resume what was not over.")
      .Add({}, value(work.recovery_microseconds) / Family::kMicroseconds);
  Gauge(families, "covey_recovered_groups", "Groups that were not over when the daemon started.")
      .Add({}, value(work.recovered_groups));
  if (engine != nullptr) {
    Gauge(families, "covey_groups_set_aside", "Groups that are not over and cannot be read.")
        .Add({}, static_cast<double>(engine->set_aside()));
  }
  Family left = Counter(families, "covey_leftovers_killed_total",
                        "Processes that were left behind and killed, by who had left them.");
  left.Add({{"of", "task"}}, value(work.leftovers_of_tasks));
  left.Add({{"of", "earlier_run"}}, value(work.leftovers_of_earlier_run));
}

void AddLog(const Log::Counts& log, Families& families) {
  {
    Family lines = Counter(families, "covey_log_lines_total", "Lines of the log.");
    for (size_t part = 0; part < kLogParts.size(); ++part) {
      for (size_t level = 0; level < kLogLevels.size(); ++level) {
        const auto count = log.lines[part][level].load(std::memory_order_relaxed);
        // Those that somebody may wait for are there from the beginning.
        if (count == 0 && level < static_cast<size_t>(LogLevel::kWarning)) continue;
        lines.Add({{"part", std::string(kLogParts[part])}, {"level", std::string(kLogLevels[level])}},
                  static_cast<double>(count));
      }
    }
  }
  Counter(families, "covey_log_left_out_total",
          "Lines that were left out, for more of their kind were written.")
      .Add({}, static_cast<double>(log.left_out.load(std::memory_order_relaxed)));
  Counter(families, "covey_log_lost_total", "Lines that could not be written.")
      .Add({}, static_cast<double>(log.lost.load(std::memory_order_relaxed)));
}

void AddStreams(const StreamStats& streams, Families& families) {
  const auto view = streams.view();
  const auto add = [&](std::string_view name, std::string_view help, auto value) {
    Family family = Gauge(families, name, help);
    for (size_t i = 0; i < view.size(); ++i)
      family.Add({{"kind", std::string(StreamStats::kKinds[i])}}, static_cast<double>(value(view[i])));
  };
  add("covey_streams", "Streams that are open.", [](const auto& of) { return of.open; });
  add("covey_streams_behind", "Of these, those with something to send that is not sent.",
      [](const auto& of) { return of.behind; });
  add("covey_stream_lag_seconds", "How long the slowest of them has had something to send.",
      [](const auto& of) { return std::chrono::duration<double>(of.longest).count(); });
}

}  // namespace covey::metrics
