// What tasks that wait take in memory, over a journal on disk, and how long it takes to cancel and to delete them.

#include <malloc.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "server/journal/sqlite_journal.h"
#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBatch = 10'000;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

double MegaBytes() {
  malloc_trim(0);
  FILE* const file = std::fopen("/proc/self/statm", "r");
  long pages = 0;
  COVEY_CHECK(file != nullptr && std::fscanf(file, "%*d %ld", &pages) == 1);
  std::fclose(file);
  return static_cast<double>(pages) * 4096 / 1e6;
}

std::vector<TaskSpec> Functions() { return World::Tasks(kBatch); }

std::vector<TaskSpec> Processes() {
  std::vector<TaskSpec> tasks(kBatch);
  for (size_t i = 0; i < kBatch; ++i) {
    tasks[i].work = std::make_shared<const ProcessSpec>(
        ProcessSpec{.argv = {"/usr/bin/convert", "input-" + std::to_string(i), "output"}});
  }
  return tasks;
}

void Queued(const char* kind, std::vector<TaskSpec> (*batch)(), size_t count) {
  std::string pattern = (std::filesystem::temp_directory_path() / "covey-bench-XXXXXX").string();
  COVEY_CHECK(mkdtemp(pattern.data()) != nullptr);
  {
    World world(1);
    world.max_queued = {.tasks = 2 * count};
    world.group_bytes = size_t{48} << 20;
    auto opened = OpenSqliteJournal({.directory = pattern});
    COVEY_CHECK(opened.ok());
    world.between = std::shared_ptr<Journal>(std::move(opened.value()));
    COVEY_CHECK(!world.Open());
    const auto group = world.Make(0, false);
    const double before = MegaBytes();
    const auto start = Clock::now();
    for (size_t i = 0; i < count; i += kBatch) {
      std::promise<void> done;
      group->Submit(batch(), false, {}, [&](const auto& reply) {
        COVEY_CHECK(reply.ok());
        done.set_value();
      });
      done.get_future().wait();
    }
    const double submitting = Seconds(start);
    const double taken = MegaBytes() - before;
    std::printf("%zu queued %s: %.0f MB, %.0f bytes each; submitted in %.1f s\n", count, kind, taken,
                taken * 1e6 / static_cast<double>(count), submitting);

    constexpr int kRun = 3000;
    const auto running = Clock::now();
    for (int i = 0; i < kRun; ++i) {
      while (world.executor->running().empty()) std::this_thread::yield();
      world.executor->Exit(world.executor->running().front());
    }
    std::printf("  %.1f us to end one task and start the next\n", Seconds(running) / kRun * 1e6);
    while (world.executor->running().empty()) std::this_thread::yield();

    const auto cancelling = Clock::now();
    std::promise<void> over;
    group->Wait([&] { over.set_value(); });
    (void)Get(world.Cancel(group));
    world.executor->ExitAll();
    over.get_future().wait();
    std::printf("  cancelled and over in %.2f s, then %.0f MB more than before\n", Seconds(cancelling),
                MegaBytes() - before);
    const auto deleting = Clock::now();
    COVEY_CHECK(Get(Ask<Result<Void>>([&](auto done) { world.engine().Delete("g", std::move(done)); })).ok());
    std::printf("  deleted in %.2f s\n", Seconds(deleting));
    world.between->Close();
  }
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace covey::testing

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 200'000;
  if (argc > 2 || count < 10'000) {
    std::fprintf(stderr, "usage: queue_bench [TASKS]; TASKS must be 10000 or more\n");
    return 64;
  }
  covey::testing::Queued("functions", covey::testing::Functions, static_cast<size_t>(count));
  covey::testing::Queued("processes", covey::testing::Processes, static_cast<size_t>(count));
  return 0;
}
