// core_bench [TASKS] [ROUNDS] [CASE]: what a task costs through covey, beside what people would pick instead: oneTBB, Asio
// and std::async, and in Go errgroup and conc (COVEY_BENCH_PEERS names that program). All in one run, one after the other in
// each round; the figures are medians. Use the ratios: they are of the first row of a case, which is errgroup when it is there.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <malloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/state/group_state.h"
#include "covey/run.h"

#ifdef COVEY_BENCH_TBB
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#endif
#ifdef COVEY_BENCH_ASIO
#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#endif

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr uint32_t kSlots = 8;
constexpr int kProducers = 8;
constexpr int kThrees = 20;   // so many times fewer groups of three than tasks
constexpr int kSleeps = 250;  // and sleeping tasks
constexpr int kCancelled = 10000;

double NanosecondsEach(int count, const std::function<void()>& work) {
  const auto start = Clock::now();
  work();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / count;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void Require(bool condition) {
  if (!condition) std::abort();
}

// The program in Go, asked one line at a time, so that it is warm.
class Peers {
 public:
  explicit Peers(const char* program) {
    int ends[2];
    Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    if (fork() == 0) {
      dup2(ends[1], STDIN_FILENO);
      dup2(ends[1], STDOUT_FILENO);
      execl(program, program, static_cast<char*>(nullptr));
      _exit(127);
    }
    close(ends[1]);
    stream_ = fdopen(ends[0], "r+");
  }
  double Ask(const std::string& line) {
    std::fprintf(stream_, "%s\n", line.c_str());
    std::fflush(stream_);
    char answer[64] = {};
    Require(std::fgets(answer, sizeof answer, stream_) != nullptr);
    return std::atof(answer);
  }

 private:
  std::FILE* stream_ = nullptr;
};

double Tiny(uint32_t max, int tasks) {
  return NanosecondsEach(tasks, [&] {
    covey::Group group({.pool = max != 0 ? covey::Pool::New(max) : nullptr});
    for (int i = 0; i < tasks; ++i) group.Go([] {});
    Require(group.Wait().ok());
  });
}

double Threes(const std::shared_ptr<covey::Pool>& pool, int groups) {
  return NanosecondsEach(groups, [&] {
    for (int i = 0; i < groups; ++i) {
      covey::Group group({.pool = pool});
      for (int j = 0; j < 3; ++j) group.Go([] {});
      Require(group.Wait().ok());
    }
  });
}

double Sleeps(int tasks) {
  return NanosecondsEach(tasks, [&] {
    covey::Group group({.pool = covey::Pool::New(kSlots)});
    for (int i = 0; i < tasks; ++i) {
      group.Go([] { std::this_thread::sleep_for(milliseconds(1)); });
    }
    Require(group.Wait().ok());
  });
}

double Producers(int producers, int tasks) {
  return NanosecondsEach(tasks, [&] {
    covey::Group group({.pool = covey::Pool::New(kSlots)});
    std::vector<std::thread> threads;
    for (int i = 0; i < producers; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < tasks / producers; ++j) {
          group.Go([] {});
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    Require(group.Wait().ok());
  });
}

#ifdef COVEY_BENCH_TBB
double TbbTiny(int tasks) {
  tbb::task_arena arena(kSlots);
  return NanosecondsEach(tasks, [&] {
    arena.execute([&] {
      tbb::task_group group;
      for (int i = 0; i < tasks; ++i) group.run([] {});
      group.wait();
    });
  });
}

double TbbThrees(int groups) {
  return NanosecondsEach(groups, [&] {
    for (int i = 0; i < groups; ++i) {
      tbb::task_group group;
      for (int j = 0; j < 3; ++j) group.run([] {});
      group.wait();
    }
  });
}
#endif

#ifdef COVEY_BENCH_ASIO
double AsioTiny(int tasks) {
  return NanosecondsEach(tasks, [&] {
    asio::thread_pool pool(kSlots);
    for (int i = 0; i < tasks; ++i) asio::post(pool, [] {});
    pool.join();
  });
}
#endif

double AsyncTiny(int tasks) {
  return NanosecondsEach(tasks, [&] {
    for (int i = 0; i < tasks; ++i) std::async(std::launch::async, [] {}).get();
  });
}

// Milliseconds from the cancel until all have stopped.
double Cancel() {
  covey::Group group;
  std::atomic<int> running = 0;
  for (int i = 0; i < kCancelled; ++i) {
    group.Go([&](const covey::Context& context) {
      ++running;
      context.Wait();
    });
  }
  while (running < kCancelled) std::this_thread::sleep_for(milliseconds(1));
  return NanosecondsEach(1'000'000, [&] {
    group.Cancel();
    Require(!group.Wait().ok());
  });
}

// The same for threads that are woken by hand, one condition variable each.
double WakeByHand() {
  struct Sleeper {
    std::mutex mutex;
    std::condition_variable changed;
    bool told = false;
  };
  std::vector<Sleeper> sleepers(kCancelled);
  std::vector<std::thread> threads;
  std::atomic<int> running = 0;
  std::atomic<int> ended = 0;
  for (Sleeper& each : sleepers) {
    threads.emplace_back([&] {
      ++running;
      std::unique_lock lock(each.mutex);
      each.changed.wait(lock, [&] { return each.told; });
      ++ended;
    });
  }
  while (running < kCancelled) std::this_thread::sleep_for(milliseconds(1));
  const double taken = NanosecondsEach(1'000'000, [&] {
    for (Sleeper& each : sleepers) {
      const std::lock_guard lock(each.mutex);
      each.told = true;
      each.changed.notify_one();
    }
    while (ended < kCancelled) std::this_thread::yield();
  });
  for (std::thread& thread : threads) thread.join();
  return taken;
}

// Microseconds of CPU that the process uses from 100 us after its last task to 100 ms after it.
double CpuAfterwards() {
  const auto pool = covey::Pool::New(kSlots);
  covey::Group group({.pool = pool});
  for (int i = 0; i < 1000; ++i) group.Go([] {});
  Require(group.Wait().ok());
  const auto cpu = [] {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
  };
  std::this_thread::sleep_for(std::chrono::microseconds(100));
  const double before = cpu();
  std::this_thread::sleep_for(milliseconds(100));
  return cpu() - before;
}

// Bytes of a task that is queued behind one that does not end.
double BytesQueued(int tasks) {
  const auto in_use = [] { return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd); };
  // Time stands still, so no thread is started for what waits.
  const auto pool = covey::Pool::New({.timers = covey::TimerQueue::Manual()});
  covey::Group group({.pool = pool});
  std::atomic<bool> running = false;
  std::atomic<bool> go_on = false;
  Require(group
              .Go([&](const covey::Context&) {
                running = true;
                while (!go_on) std::this_thread::sleep_for(milliseconds(1));
                return covey::Status::Ok();
              })
              .ok());
  while (!running) std::this_thread::yield();
  const double before = in_use();
  for (int i = 0; i < tasks; ++i) group.Go([] {});
  const double after = in_use();
  go_on = true;
  Require(group.Wait().ok());
  return (after - before) / tasks;
}

// Submit, start and exit of one task after the other in the state machine: nanoseconds of a command.
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
  Require(group.succeeded == static_cast<uint32_t>(tasks));
  return each;
}

struct Row {
  std::string name;
  std::function<double()> measure;
  std::vector<double> values{};
};

struct Case {
  const char* name;
  const char* unit;
  std::vector<Row> rows;
};

}  // namespace

int main(int argc, char** argv) {
  const int tasks = argc > 1 ? std::atoi(argv[1]) : 100000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  const char* const only = argc > 3 ? argv[3] : nullptr;
  if (tasks < 1000 || rounds < 1) {
    std::fprintf(stderr, "usage: core_bench [TASKS] [ROUNDS] [CASE]; TASKS must be 1000 or more\n");
    return 64;
  }
  std::unique_ptr<Peers> peers;
  if (const char* program = std::getenv("COVEY_BENCH_PEERS")) peers = std::make_unique<Peers>(program);
  const int groups = tasks / kThrees;
  const int sleeps = tasks / kSleeps;
  const auto pool = covey::Pool::New(kSlots);

  std::vector<Case> cases = {{"tiny8", "ns", {}},     {"tiny2", "ns", {}},   {"tiny0", "ns", {}},
                             {"threes", "ns", {}},    {"threes8", "ns", {}}, {"sleeps", "ns", {}},
                             {"producers", "ns", {}}, {"idle", "us", {}},    {"cancel", "ms", {}},
                             {"memory", "B", {}},     {"state", "ns", {}}};
  const auto add = [&](size_t at, std::string name, std::function<double()> measure) {
    cases[at].rows.push_back({std::move(name), std::move(measure)});
  };
  const auto ask = [&](size_t at, const std::string& library, const std::string& what, uint32_t limit,
                       int count) {
    if (peers == nullptr) return;
    const std::string line = library + " " + what + " " + std::to_string(limit) + " " + std::to_string(count);
    add(at, library + ", " + cases[at].name, [&peers, line] { return peers->Ask(line); });
  };
  ask(0, "errgroup", "tiny", kSlots, tasks);
  ask(1, "errgroup", "tiny", 2, tasks);
  ask(2, "errgroup", "tiny", 0, tasks);
  ask(3, "errgroup", "threes", 0, groups);
  ask(4, "errgroup", "threes", kSlots, groups);
  ask(5, "errgroup", "sleeps", kSlots, sleeps);
  ask(6, "errgroup", "producers", kSlots, tasks);
  add(0, "covey, tiny8", [&] { return Tiny(kSlots, tasks); });
  add(1, "covey, tiny2", [&] { return Tiny(2, tasks); });
  add(2, "covey, tiny0", [&] { return Tiny(0, tasks); });
  add(3, "covey, threes", [&] { return Threes(nullptr, groups); });
  add(4, "covey, threes8", [&] { return Threes(pool, groups); });
  add(5, "covey, sleeps", [&] { return Sleeps(sleeps); });
  add(6, "covey, 1 producer", [&] { return Producers(1, tasks); });
  add(6, "covey, 8 producers", [&] { return Producers(kProducers, tasks); });
  ask(0, "conc", "tiny", kSlots, tasks);
  ask(2, "conc", "tiny", 0, tasks);
  ask(3, "conc", "threes", 0, groups);
#ifdef COVEY_BENCH_TBB
  add(0, "oneTBB, tiny8", [&] { return TbbTiny(tasks); });
  add(3, "oneTBB, threes", [&] { return TbbThrees(groups); });
#endif
#ifdef COVEY_BENCH_ASIO
  add(0, "Asio, tiny8", [&] { return AsioTiny(tasks); });
#endif
  add(2, "std::async, one by one", [&] { return AsyncTiny(tasks / 100); });
  add(7, "covey, CPU from 100 us after the end", [] { return CpuAfterwards(); });
  add(8, "by hand, cancel", [] { return WakeByHand(); });
  add(8, "covey, cancel", [] { return Cancel(); });
  add(9, "covey, a queued task", [] { return BytesQueued(100000); });

  add(10, "the state machine, a command", [&] { return Commands(10 * tasks); });

  for (Case& each : cases) {
    if (only != nullptr && std::strcmp(only, each.name) != 0) continue;
    for (int round = 0; round < rounds; ++round) {
      for (Row& row : each.rows) row.values.push_back(row.measure());
    }
    const double first = Median(each.rows.front().values);
    for (const Row& row : each.rows) {
      const double median = Median(row.values);
      std::printf("%-40s %10.0f %s  %6.2f of %s\n", row.name.c_str(), median, each.unit, median / first,
                  each.rows.front().name.c_str());
    }
    std::fflush(stdout);
  }
  return 0;
}
