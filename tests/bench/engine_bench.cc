// What a task costs the engine: over the journal in memory, with an executor that ends each attempt at once.

#include <malloc.h>

#include <chrono>
#include <cstdio>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

void Submits(size_t tasks, size_t batch) {
  World world(64);
  world.executor->ExitAtOnce();
  COVEY_CHECK(!world.Open());
  const auto group = world.Make(0, false);
  const auto start = Clock::now();
  for (size_t i = 0; i < tasks; i += batch) {
    group->Submit(World::Tasks(batch), false, {}, [](const auto& reply) { COVEY_CHECK(reply.ok()); });
  }
  const double seconds = Seconds(start);
  COVEY_CHECK(group->View().state.succeeded == tasks);
  std::printf("%zu noop tasks in batches of %zu: %.0f tasks/s, %.2f us each\n", tasks, batch,
              static_cast<double>(tasks) / seconds, seconds / static_cast<double>(tasks) * 1e6);
}

// `queued` tasks wait behind one that runs; then 1000 of them run one after the other.
void Queued(size_t queued) {
  World world(1);
  world.max_queued = {.tasks = 2 * queued};
  COVEY_CHECK(!world.Open());
  const auto group = world.Make(0, false);
  const size_t before = mallinfo2().uordblks;
  constexpr size_t kBatch = 1000;
  for (size_t i = 0; i < queued; i += kBatch) {
    group->Submit(World::Tasks(kBatch), false, {}, [](const auto& reply) { COVEY_CHECK(reply.ok()); });
  }
  const size_t bytes = mallinfo2().uordblks - before;
  constexpr int kRun = 900;
  const auto start = Clock::now();
  for (int i = 0; i < kRun; ++i) world.executor->Exit(world.executor->running().front());
  std::printf("%zu queued: %.2f us to end one task and start the next; %zu bytes a task, journal included\n",
              queued, Seconds(start) / kRun * 1e6, bytes / queued);
}

}  // namespace
}  // namespace covey::testing

int main(int argc, char** argv) {
  const int tasks = argc > 1 ? std::atoi(argv[1]) : 100'000;
  if (argc > 2 || tasks < 1'000) {
    std::fprintf(stderr, "usage: engine_bench [TASKS]; TASKS must be 1000 or more\n");
    return 64;
  }
  covey::testing::Submits(static_cast<size_t>(tasks), 1);
  covey::testing::Submits(static_cast<size_t>(tasks), 100);
  covey::testing::Queued(1'000);
  covey::testing::Queued(1'000'000);
  return 0;
}
