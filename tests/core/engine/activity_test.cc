// What people are told of, once it is durable.

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Lines = std::vector<std::string>;

class Listening final : public ActivityListener {
 public:
  bool WantsSuccesses() const override { return successes; }
  void OnDecided(const GroupDecision& decision) override {
    const state::GroupState& state = decision.state;
    told.push_back(decision.group->id + " decided " + std::to_string(static_cast<int>(state.outcome)) +
                   " after " + std::to_string(decision.after / std::chrono::seconds(1)) + " s, " +
                   std::to_string(decision.stopped_in_queue) + " never started, by " +
                   (decision.why == nullptr ? "nothing" : decision.why->task + ": " + decision.why->message) +
                   ", first " + (decision.first_failure == nullptr ? "none" : decision.first_failure->task));
  }
  void OnTrouble(const AttemptTrouble& trouble) override {
    constexpr std::array kWhats{"lost", "lost, runs again", "killed"};
    told.push_back(trouble.group->id + "/" + trouble.task + "." + std::to_string(trouble.attempt) + " " +
                   kWhats[static_cast<size_t>(trouble.what)]);
  }

  bool successes = false;
  Lines told;
};

class EngineActivityTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.activity = listening_;
    ASSERT_FALSE(world_.Open());
  }

  World world_{1};
  const std::shared_ptr<Listening> listening_ = std::make_shared<Listening>();
};

TEST_F(EngineActivityTest, AFailureWithWhoTimeAndWhatNeverStarted) {
  world_.Make(3);
  world_.Advance(std::chrono::seconds(5));
  world_.executor->Exit("0.1", ExitFailure(3));
  EXPECT_EQ(listening_->told,
            Lines{"g decided 2 after 5 s, 2 never started, by 0: " + ExitFailure(3).message + ", first 0"});
}

TEST_F(EngineActivityTest, SuccessesAreToldToWhoWantsThem) {
  world_.Make(2);
  world_.executor->Exit("0.1");
  world_.executor->Exit("1.1");
  EXPECT_EQ(listening_->told, Lines{});
  listening_->successes = true;
  world_.Make(1, true, {.id = "h"});
  world_.executor->Exit("0.1");
  EXPECT_EQ(listening_->told, Lines{"h decided 1 after 0 s, 0 never started, by nothing, first none"});
}

TEST_F(EngineActivityTest, NothingIsToldBeforeItIsDurable) {
  world_.Make(1);
  world_.journal->HoldCommits();
  world_.executor->Exit("0.1", ExitFailure(3));
  EXPECT_EQ(listening_->told, Lines{});
  world_.journal->ReleaseCommits();
  EXPECT_EQ(listening_->told.size(), 1u);
}

TEST_F(EngineActivityTest, AttemptsThatWereKilled) {
  const auto group = world_.Make(1);
  EXPECT_FALSE(Get(world_.Cancel(group)));
  listening_->told.clear();
  world_.executor->Deliver("0.1", 15);
  world_.executor->Kill("0.1");
  world_.executor->Exit("0.1", Failure{.kind = FailureKind::kSignal, .code = 9});
  EXPECT_EQ(listening_->told, Lines{"g/0.1 killed"});
}

TEST_F(EngineActivityTest, AttemptsThatWereLostAlsoByARestart) {
  std::vector<TaskSpec> tasks = World::Tasks(1);
  tasks[0].rerun_on_restart = true;
  ASSERT_TRUE(world_.Create({.spec = {.id = "g"}, .tasks = std::move(tasks), .seal = true}).ok());
  world_.executor->Lose("0.1");
  EXPECT_EQ(listening_->told, Lines{"g/0.1 lost, runs again"});
  world_.executor->Exit("0.2");
  world_.Make(1, true, {.id = "h"});
  ASSERT_FALSE(world_.Open());
  EXPECT_EQ(listening_->told.at(1), "h/0.1 lost");
  EXPECT_EQ(listening_->told.size(), 3u) << "and the end of its group";
}

}  // namespace
}  // namespace covey::testing
