#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "server/metrics/parts.h"

// What groups, tasks and pools have done.
namespace covey::metrics {
namespace {

// By the index of TaskWork, state::Ending and state::Outcome.
constexpr std::array<std::string_view, kWorkKinds> kKindNames{"function", "process", "other"};
constexpr std::array<std::string_view, kEndings> kEndingNames{"none", "succeeded", "failed", "stopped"};
constexpr std::array<std::string_view, kOutcomes> kOutcomeNames{"none", "succeeded", "failed", "cancelled"};
constexpr std::array<std::string_view, 2> kStreamNames{"stdout", "stderr"};

using Pools = std::vector<std::pair<std::string, const PoolCounts*>>;

double Value(const Count& count) { return static_cast<double>(count.load(std::memory_order_relaxed)); }

std::string FailureName(size_t kind) { return std::string(Name(static_cast<FailureKind>(kind))); }

// What an earlier run has submitted and started may end in this one.
bool Seen(const PoolCounts::OfKind& kind) {
  return Value(kind.submitted) + Value(kind.attempts) > 0 ||
         std::any_of(kind.ended.begin(), kind.ended.end(), [](const auto& of_ending) {
           return std::any_of(of_ending.begin(), of_ending.end(),
                              [](const Count& count) { return Value(count) > 0; });
         });
}

// One figure for each pool and kind of work that has any.
template <typename Value>
void ByKind(Family family, const Pools& pools, const Value& value) {
  for (const auto& [pool, counts] : pools) {
    for (size_t kind = 0; kind < kWorkKinds; ++kind) {
      const PoolCounts::OfKind& of_kind = counts->kinds[kind];
      // A function is what every pool may run: its rows are there from the beginning.
      if (kind > 0 && !Seen(of_kind)) continue;
      value(family, Labels{{"pool", pool}, {"kind", std::string(kKindNames[kind])}}, of_kind);
    }
  }
}

void AddGroups(const Engine& engine, const Pools& pools, Families& families) {
  {
    Family created = Counter(families, "covey_groups_created_total", "Groups that were made.");
    for (const auto& [pool, counts] : pools) created.Add({{"pool", pool}}, Value(counts->groups_created));
  }
  {
    Family ended = Counter(families, "covey_groups_ended_total",
                           "Groups that are over, by outcome and kind of failure.");
    for (const auto& [pool, counts] : pools) {
      for (size_t outcome = 1; outcome < kOutcomes; ++outcome) {
        for (size_t failure = 0; failure < kFailureKinds; ++failure) {
          const double value = Value(counts->groups_ended[outcome][failure]);
          if (value == 0 && (outcome != 1 || failure != 0)) continue;
          ended.Add({{"pool", pool},
                     {"outcome", std::string(kOutcomeNames[outcome])},
                     {"failure", FailureName(failure)}},
                    value);
        }
      }
    }
  }
  Gauge(families, "covey_groups_running", "Groups that are not over.")
      .Add({}, engine.counts().running_groups);
}

void AddTasks(const Pools& pools, Families& families) {
  ByKind(Counter(families, "covey_tasks_submitted_total", "Tasks that were submitted."), pools,
         [](Family& family, Labels labels, const auto& of) {
           family.Add(std::move(labels), Value(of.submitted));
         });
  ByKind(Counter(families, "covey_task_attempts_total", "Attempts that were started."), pools,
         [](Family& family, Labels labels, const auto& of) {
           family.Add(std::move(labels), Value(of.attempts));
         });
  ByKind(
      Counter(families, "covey_task_reruns_total", "Attempts that were not the first of their task."), pools,
      [](Family& family, Labels labels, const auto& of) { family.Add(std::move(labels), Value(of.reruns)); });
  ByKind(
      Counter(families, "covey_tasks_ended_total", "Tasks that have ended, by ending and kind of failure."),
      pools, [](Family& family, const Labels& labels, const auto& of) {
        for (size_t ending = 1; ending < kEndings; ++ending) {
          for (size_t failure = 0; failure < kFailureKinds; ++failure) {
            const double value = Value(of.ended[ending][failure]);
            if (value == 0 && (ending != 1 || failure != 0)) continue;
            Labels all = labels;
            all.push_back({"outcome", std::string(kEndingNames[ending])});
            all.push_back({"failure", FailureName(failure)});
            family.Add(std::move(all), value);
          }
        }
      });
  {
    Family stopped = Counter(families, "covey_tasks_stopped_in_queue_total",
                             "Tasks that never started, because their group was decided.");
    for (const auto& [pool, counts] : pools) stopped.Add({{"pool", pool}}, Value(counts->stopped_in_queue));
  }
  ByKind(HistogramFamily(families, "covey_task_queue_seconds",
                         "From the submission of a task to its first start."),
         pools, [](Family& family, Labels labels, const auto& of) {
           family.Add(std::move(labels), of.queued.view(), Family::kMicroseconds);
         });
  ByKind(HistogramFamily(families, "covey_task_run_seconds", "From the start of an attempt to its end."),
         pools, [](Family& family, Labels labels, const auto& of) {
           family.Add(std::move(labels), of.ran.view(), Family::kMicroseconds);
         });
}

void AddPools(const Engine& engine, Families& families) {
  const std::vector<PoolView> pools = engine.pools().List();
  const auto add = [&](std::string_view name, std::string_view help, auto value) {
    Family family = Gauge(families, name, help);
    for (size_t i = 0; i < pools.size() && i < EngineCounts::kMostPools; ++i)
      family.Add({{"pool", pools[i].name}}, static_cast<double>(value(pools[i])));
  };
  add("covey_pool_slots", "Tasks that may run in the pool at once.",
      [](const PoolView& pool) { return pool.max; });
  add("covey_pool_slots_used", "Tasks that run in the pool.",
      [](const PoolView& pool) { return pool.running; });
  add("covey_pool_tasks_waiting", "Tasks that wait for a slot of the pool.",
      [](const PoolView& pool) { return pool.waiting; });
  add("covey_pool_groups", "Groups that use the pool and are not over.",
      [](const PoolView& pool) { return pool.groups; });
}

}  // namespace

void AddEngine(const Engine& engine, Families& families) {
  const EngineCounts& totals = engine.totals();
  const Pools pools = totals.pools();
  AddGroups(engine, pools, families);
  AddTasks(pools, families);
  AddPools(engine, families);
  {
    Family cancel = HistogramFamily(
        families, "covey_cancel_seconds",
        "From the request to stop an attempt to its signal, and until nothing of it was left.");
    cancel.Add({{"stage", "delivered"}}, totals.cancel_delivered.view(), Family::kMicroseconds);
    cancel.Add({{"stage", "gone"}}, totals.cancel_gone.view(), Family::kMicroseconds);
  }
  const auto by_stream = [&](std::string_view name, std::string_view help,
                             const std::array<Count, 2>& counts) {
    Family family = Counter(families, name, help);
    for (size_t i = 0; i < counts.size(); ++i)
      family.Add({{"stream", std::string(kStreamNames[i])}}, Value(counts[i]));
  };
  by_stream("covey_output_bytes_total", "Bytes that attempts wrote, counted at their end.", totals.output);
  by_stream("covey_output_dropped_bytes_total", "Of these, bytes that were not kept.", totals.output_lost);
  Counter(families, "covey_events_total", "Events of groups that became durable.")
      .Add({}, Value(totals.events));
}

}  // namespace covey::metrics
