// Random commands, commits that are held, lost and refused: whatever happens, the log is right and the group
// ends. A seed that failed can be run again: COVEY_SEED=n engine_test --gtest_filter=ModelTest.*

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Fault = MemoryJournal::Fault;

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed), world_(1 + random_() % 4) {}

  void Run() {
    if (Below(2) == 0) world_.fold_after = 1 + Below(6);
    ASSERT_FALSE(world_.Open());
    GroupSpec spec{.id = "g", .limit = Below(3)};
    spec.policy = static_cast<state::Policy>(1 + Below(3));
    if (spec.policy == state::Policy::kAll) spec.max_failures = Below(4);
    if (Below(4) == 0) spec.timeout = std::chrono::seconds(1 + Below(30));
    group_ = world_.Make(Below(6), false, std::move(spec));
    const unsigned steps = 20 + Below(120);
    for (unsigned i = 0; i < steps; ++i) Step();
    Finish();
    EXPECT_EQ(world_.CheckLog(group_), "");
    EXPECT_EQ(world_.engine().counts().running_tasks, 0u);
    EXPECT_EQ(world_.engine().queue_usage().used, Budget::Amount{});
    CheckReplies();
    // Another engine reads the same.
    const GroupSummary before = group_->View();
    ASSERT_FALSE(world_.Open());
    const GroupSummary after = world_.Find("g").value()->View();
    EXPECT_EQ(before.last_number, after.last_number);
    EXPECT_EQ(before.state.outcome, after.state.outcome);
  }

 private:
  unsigned Below(unsigned n) { return static_cast<unsigned>(random_() % n); }

  void Step() {
    switch (Below(16)) {
      case 0:
      case 1:
      case 2:
        Submit();
        break;
      case 3:
      case 4:
      case 5:
      case 6:
        ExitOne();
        break;
      case 7:
        cancels_.push_back(world_.CancelTask(group_, std::to_string(Below(30))));
        break;
      case 8:
        world_.Advance(std::chrono::milliseconds(Below(3000)));
        break;
      case 9:
        world_.journal->HoldCommits();
        break;
      case 10:
      case 11:
        world_.journal->ReleaseCommits();
        break;
      case 12:
        world_.journal->Inject(static_cast<Fault>(Below(3)), 1 + Below(3));
        break;
      case 13:
        if (Below(4) == 0) world_.journal->FailReads(1);
        if (Below(8) == 0) seals_.push_back(world_.Seal(group_));
        break;
      case 14:
        if (Below(12) == 0) cancels_.push_back(world_.Cancel(group_));
        if (Below(8) == 0) group_->Arm();
        break;
      case 15:
        if (const auto running = world_.executor->running(); !running.empty()) {
          const std::string& name = running[Below(static_cast<unsigned>(running.size()))];
          if (world_.executor->stopped(name)) world_.executor->Deliver(name, 15);
          if (Below(2) == 0) world_.executor->Kill(name);
        }
        break;
    }
  }

  void Submit() {
    RequestMark request;
    if (Below(2) == 0) request.id = "r" + std::to_string(Below(10));  // now and then a retry
    const unsigned count = request.id.empty() ? Below(5) : 2;
    submits_.push_back(world_.Submit(group_, World::Tasks(count), request));
  }

  void ExitOne() {
    const auto running = world_.executor->running();
    if (running.empty()) return;
    world_.executor->Exit(running[Below(static_cast<unsigned>(running.size()))],
                          Below(5) == 0 ? Status(ExitFailure(1)) : Status());
  }

  // Ends it: after this the journal works and everything that runs exits.
  void Finish() {
    world_.journal->FailReads(0);
    world_.journal->ReleaseCommits();
    for (int i = 0; i < 200 && !group_->completed(); ++i) {
      world_.Advance(std::chrono::seconds(20));
      seals_.push_back(world_.Seal(group_));
      world_.executor->ExitAll();
    }
    EXPECT_TRUE(group_->completed());
  }

  // What was answered is there.
  void CheckReplies() {
    for (auto& submit : submits_) {
      ASSERT_TRUE(Answered(submit));
      const auto reply = submit.get();
      if (!reply.ok()) continue;
      EXPECT_LE(reply.value().first_index + reply.value().count, group_->task_count());
    }
    for (auto& cancel : cancels_) EXPECT_TRUE(Answered(cancel));
    for (auto& seal : seals_) EXPECT_TRUE(Answered(seal));
  }

  std::mt19937 random_;
  World world_;
  World::GroupPtr group_;
  std::vector<std::future<Result<DurableGroup::SubmitReply>>> submits_;
  std::vector<std::future<std::optional<Error>>> cancels_;
  std::vector<std::future<std::optional<Error>>> seals_;
};

TEST(ModelTest, RandomCommandsOverAFailingJournal) {
  const char* const given = std::getenv("COVEY_SEED");
  const unsigned first =
      given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : std::random_device()();
  const unsigned runs = given != nullptr ? 1 : 300;
  for (unsigned i = 0; i < runs && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE("COVEY_SEED=" + std::to_string(first + i));
    Model(first + i).Run();
  }
}

}  // namespace
}  // namespace covey::testing
