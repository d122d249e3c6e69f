#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "tests/server/journal/fault_vfs.h"
#include "tests/server/journal/sqlite_support.h"
#include "tests/support/engine_world.h"

// What a restart costs on a disk: syncs, of which each takes 0.3 to 5 ms.
namespace covey {
namespace {

// Starts nothing: what it was given ends when it is told to.
class Asleep final : public Executor {
 public:
  std::shared_ptr<Execution> Start(const Launch&, std::shared_ptr<AttemptListener> listener) override {
    MutexLock lock(mutex_);
    listeners_.push_back(std::move(listener));
    return std::make_shared<Nothing>();
  }
  void EndAll() {
    std::vector<std::shared_ptr<AttemptListener>> listeners;
    {
      MutexLock lock(mutex_);
      listeners.swap(listeners_);
    }
    for (const auto& listener : listeners) listener->OnExit({}, nullptr);
  }

 private:
  class Nothing final : public Execution {
   public:
    void Stop(const Failure&) override {}
  };

  Mutex mutex_;
  std::vector<std::shared_ptr<AttemptListener>> listeners_ COVEY_GUARDED_BY(mutex_);
};

std::unique_ptr<Engine> MakeEngine(const std::shared_ptr<Journal>& journal,
                                   const std::shared_ptr<Asleep>& executor) {
  ExecutorTable executors;
  executors.Set<FunctionSpec>(executor);
  return std::make_unique<Engine>(Engine::Options{.journal = journal,
                                                  .output = std::make_shared<testing::NoOutput>(),
                                                  .executors = executors,
                                                  .pools = {{"default", 1000}}});
}

TEST(SqliteRecoveryTest, ManyGroupsShareASync) {
  constexpr int kGroups = 400;
  FaultVfs vfs;
  TempDir dir;
  const auto open = [&](Durability durability) {
    auto opened =
        OpenSqliteJournal({.directory = dir.path(), .durability = durability, .vfs = FaultVfs::kName});
    return std::shared_ptr<Journal>(std::move(opened.value()));
  };
  {
    const auto journal = open(Durability::kNone);
    const auto executor = std::make_shared<Asleep>();
    const auto engine = MakeEngine(journal, executor);
    ASSERT_FALSE(engine->Recover());
    engine->Run();
    for (int i = 0; i < kGroups; ++i) {
      const auto made = Await<Result<Engine::GroupPtr>>([&](auto done) {
        engine->CreateGroup({.spec = {.id = "g" + std::to_string(i)},
                             .tasks = {{.work = FunctionSpec{.name = "f"}}},
                             .seal = true},
                            done);
      });
      ASSERT_TRUE(made.ok());
    }
    journal->Close();  // killed: each has a task that runs
    executor->EndAll();
  }
  const auto journal = open(Durability::kFull);
  const auto engine = MakeEngine(journal, std::make_shared<Asleep>());
  // The first sync takes as long as it takes to resume all groups: what a slow disk does.
  std::promise<void> all_sent;
  std::atomic<int> sent = 0;
  std::atomic<bool> resuming = false;
  vfs.OnSync([&, future = all_sent.get_future().share()] {
    if (resuming) (void)future.wait_for(kPatience);
  });
  int before = 0;
  ASSERT_FALSE(engine->Recover([&](const RecoveryProgress& progress) {
    if (progress.read < kGroups || progress.found < kGroups) return true;
    if (!resuming.exchange(true)) before = vfs.syncs;
    // Asked before each of them is resumed, and once they all are.
    if (++sent == kGroups + 2) all_sent.set_value();
    return true;
  }));
  const int syncs = vfs.syncs - before;
  EXPECT_GE(syncs, 1);
  EXPECT_LE(syncs, 8) << "of " << kGroups << " groups";
  for (int i = 0; i < kGroups; ++i) {
    const auto group =
        Await<Result<Engine::GroupPtr>>([&](auto done) { engine->Find("g" + std::to_string(i), done); });
    ASSERT_TRUE(group.ok());
    EXPECT_TRUE(group.value()->completed());
  }
  journal->Close();
}

}  // namespace
}  // namespace covey
