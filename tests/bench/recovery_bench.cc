#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>

#include "core/engine/engine.h"
#include "server/journal/sqlite_journal.h"
#include "tests/server/journal/fault_vfs.h"
#include "tests/server/journal/support.h"
#include "tests/support/engine_world.h"

// A restart over many groups that each had a task running, which ends as lost or runs again: how long until all of that
// is durable and the first task may start, on disks whose syncs take long.
namespace covey {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "recovery_bench: %s failed\n", what);
  std::exit(1);
}

// What a daemon leaves that was killed while a task of each group ran.
void Fill(const std::string& directory, int groups) {
  auto opened = OpenSqliteJournal({.directory = directory, .durability = Durability::kNone});
  Check(opened.ok(), "open");
  Client client(*opened.value());
  const uint64_t epoch = client.Acquire();
  CommitIds ids;
  std::atomic<int> left = groups;
  std::promise<void> all;
  for (int i = 0; i < groups; ++i) {
    Writer group("group-" + std::to_string(i), epoch);
    group.spec().pool = "default";
    Append append = group.Create();
    std::vector<Record> records(append.batch->records().begin(), append.batch->records().end());
    const Append submitted = group.Tasks(1);
    records.insert(records.end(), submitted.batch->records().begin(), submitted.batch->records().end());
    records.push_back({.number = records.size() + 1,
                       .time = Writer::At(9),
                       .event = {.kind = state::EventKind::kTaskStarted, .task = 0, .attempt = 1}});
    append.batch = std::make_shared<const Batch>(std::move(records));
    opened.value()->AppendAsync(std::move(append), [&](AppendResult result) {
      Check(result.kind == AppendResult::Kind::kCommitted, "append");
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().wait();
  opened.value()->Close();
}

void Recover(const std::string& directory, int groups, std::chrono::microseconds sync) {
  FaultVfs vfs;
  vfs.OnSync([sync] { std::this_thread::sleep_for(sync); });
  const auto begin = Clock::now();
  auto opened = OpenSqliteJournal({.directory = directory, .vfs = FaultVfs::kName});
  Check(opened.ok(), "open");
  const std::shared_ptr<Journal> journal = std::move(opened.value());
  {
    ExecutorTable executors;
    executors.Set<FunctionSpec>(std::make_shared<testing::ScriptedExecutor>());
    Engine engine({.journal = journal,
                   .output = std::make_shared<testing::NoOutput>(),
                   .executors = executors,
                   .pools = {{"default", 64}},
                   .warn = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }});
    Check(!engine.Recover(), "recover");
    const double taken = Seconds(Clock::now() - begin);
    std::printf("%d groups with a running task, %.1f ms a sync: %.2f s, %d syncs\n", groups,
                static_cast<double>(sync.count()) / 1000, taken, vfs.syncs.load());
    std::fflush(stdout);
    journal->Close();
  }
}

void Main(int groups) {
  for (const std::chrono::microseconds sync :
       {std::chrono::microseconds(300), std::chrono::microseconds(5000)}) {
    const TempDir dir;
    Fill(dir.path(), groups);
    Recover(dir.path(), groups, sync);
  }
}

}  // namespace
}  // namespace covey

// recovery_bench [GROUPS]
int main(int argc, char** argv) {
  covey::Main(argc > 1 ? std::atoi(argv[1]) : 10'000);
  return 0;
}
