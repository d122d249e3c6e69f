// pool_bench [TASKS]: what a task costs through Pool and Group, beside a plain pool of threads over one mutex
// and one condition variable in the same run, interleaved; and what a command costs in the state machine. Use
// the ratios.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "core/state/group_state.h"
#include "covey/run.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kThreads = 2;
constexpr int kRounds = 5;

// The yardstick: as little as a pool of threads can be. Its queue is bounded, as slots bound what Go takes.
class PlainPool {
 public:
  PlainPool() {
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Loop(); });
  }
  ~PlainPool() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  void Go(std::function<void()> work) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return work_.size() < kThreads; });
    work_.push_back(std::move(work));
    lock.unlock();
    changed_.notify_one();
  }

 private:
  void Loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !work_.empty(); });
      if (work_.empty()) return;
      const std::function<void()> work = std::move(work_.front());
      work_.pop_front();
      lock.unlock();
      room_.notify_one();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::condition_variable room_;
  std::deque<std::function<void()>> work_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

double NanosecondsEach(int count, const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / count;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double Plain(int tasks) {
  return NanosecondsEach(tasks, [&] {
    PlainPool pool;
    for (int i = 0; i < tasks; ++i) pool.Go([] {});
  });
}

double ThroughPool(uint32_t max, int tasks) {
  return NanosecondsEach(tasks, [&] {
    const auto pool = covey::Pool::New(max);
    for (int i = 0; i < tasks; ++i) {
      if (!pool->Go(covey::Context::Background(), [] {}).ok()) std::abort();
    }
    if (!pool->Close().ok()) std::abort();
  });
}

double ThroughGroup(uint32_t max, int tasks) {
  return NanosecondsEach(tasks, [&] {
    covey::Group group({.pool = covey::Pool::New(max)});
    for (int i = 0; i < tasks; ++i) {
      if (!group.Go([](const covey::Context&) { return covey::Status::Ok(); }).ok()) std::abort();
    }
    if (!group.Wait().ok()) std::abort();
  });
}

// Submit, start and exit of one task after the other: three commands each.
double Commands(int tasks) {
  using covey::state::Command;
  using covey::state::CommandKind;
  covey::state::GroupState group;
  const double each = NanosecondsEach(3 * tasks, [&] {
    for (int i = 0; i < tasks; ++i) {
      covey::state::TaskState task;
      const uint32_t index = group.submitted;
      for (const Command& command :
           {Command{.kind = CommandKind::kSubmit}, Command{.kind = CommandKind::kStart, .task = index},
            Command{.kind = CommandKind::kExit,
            .result = covey::state::Ending::kSucceeded,
            .task = index,
            .attempt = 1}}) {
        covey::state::EventBuffer events;
        covey::state::Decide(group, task, command, events);
        for (const covey::state::Event& event : events) {
          Apply(group, event);
          Apply(task, event);
        }
      }
    }
  });
  if (group.succeeded != static_cast<uint32_t>(tasks)) std::abort();
  return each;
}

}  // namespace

int main(int argc, char** argv) {
  const int tasks = argc > 1 ? std::atoi(argv[1]) : 100000;
  if (tasks < 1) {
    std::fprintf(stderr, "usage: pool_bench [TASKS]; TASKS must be 1 or more\n");
    return 64;
  }
  struct Row {
    const char* name;
    std::function<double()> measure;
    std::vector<double> nanoseconds{};
  };
  std::vector<Row> rows = {{"plain mutex and condition variable", [&] { return Plain(tasks); }},
                           {"Pool::Go, max 2", [&] { return ThroughPool(2, tasks); }},
                           {"Pool::Go, unbounded", [&] { return ThroughPool(0, tasks); }},
                           {"Group::Go, max 2", [&] { return ThroughGroup(2, tasks); }},
                           {"Group::Go, unbounded", [&] { return ThroughGroup(0, tasks); }}};
  for (int round = 0; round < kRounds; ++round) {
    for (Row& row : rows) row.nanoseconds.push_back(row.measure());
  }
  const double plain = Median(rows[0].nanoseconds);
  for (const Row& row : rows) {
    const double each = Median(row.nanoseconds);
    std::printf("%-36s %10.0f tasks/s  %5.2f of plain\n", row.name, 1e9 / each, plain / each);
  }
  std::printf("%-36s %10.1f ns a command\n", "state machine", Commands(10 * tasks));
  return 0;
}
