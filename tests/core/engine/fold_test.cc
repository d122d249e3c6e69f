// Tasks that have ended and are left to the journal alone: everything answers as if they were in memory, also after a
// restart that begins with a snapshot.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/core/engine/fold_tell.h"
#include "tests/support/engine_world.h"
#include "tests/support/held_journal.h"

namespace covey::testing {
namespace {

using Lines = std::vector<std::string>;
using Reply = Result<DurableGroup::SubmitReply>;

// The journal, with the first event of every read of events, and answers to FindMarks that can be held back.
class SeenJournal : public HeldJournal {
 public:
  using HeldJournal::HeldJournal;

  void Read(std::string group, uint64_t from, PageLimit limit, Done<std::vector<Record>> done) override {
    reads.push_back(from);
    HeldJournal::Read(std::move(group), from, limit, std::move(done));
  }
  void FindMarks(std::string group, std::vector<Mark> marks, Done<std::vector<Mark>> done) override {
    HeldJournal::FindMarks(std::move(group), std::move(marks), [this, done = std::move(done)](auto found) {
      ++looks;
      if (!hold) return done(std::move(found));
      held.push_back([done, found = std::move(found)] { done(found); });
    });
  }
  void ReadTasks(std::string group, uint32_t task, uint32_t end, Done<std::vector<TaskBlock>> done) override {
    if (lose_blocks) return done(Error{.code = ErrorCode::kDataLoss, .message = "damaged"});
    HeldJournal::ReadTasks(std::move(group), task, end, [this, done = std::move(done)](auto blocks) {
      if (const auto meanwhile = std::exchange(between_read_and_answer, nullptr)) meanwhile();
      done(std::move(blocks));
    });
  }
  void PutSnapshot(std::string group, uint64_t epoch, Snapshot snapshot, Done<Void> done) override {
    if (refuse) return done(Error{.code = ErrorCode::kUnavailable, .message = "full"});
    HeldJournal::PutSnapshot(std::move(group), epoch, std::move(snapshot), std::move(done));
  }

  std::vector<uint64_t> reads;
  int looks = 0;
  bool hold = false;
  bool refuse = false;
  bool lose_blocks = false;
  std::function<void()> between_read_and_answer;  // of ReadTasks, once
  std::vector<std::function<void()>> held;
};

class FoldTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.fold_after = 10;
    world_.between = journal_;
    ASSERT_FALSE(world_.Open());
  }
  // One open group in which so many named tasks have succeeded.
  World::GroupPtr MakeEnded(int count) {
    world_.executor->ExitAtOnce();
    auto group = world_
                     .Create({.spec = {.id = "g", .policy = state::Policy::kAllSettled},
                              .request = {.id = "made", .fingerprint = 5}})
                     .value();
    for (int i = 0; i < count; ++i) EXPECT_TRUE(SubmitOne(group, "n" + std::to_string(i)).ok());
    return group;
  }
  Reply SubmitOne(const World::GroupPtr& group, const std::string& name, RequestMark request = {}) {
    world_.Advance(std::chrono::milliseconds(1));
    return Get(world_.Submit(group, {World::Task(name)}, std::move(request)));
  }
  Result<uint32_t> Find(const World::GroupPtr& group, const std::string& name) {
    return Get(
        Ask<Result<uint32_t>>([&](auto done) { world_.engine().FindTask(group, name, std::move(done)); }));
  }

  World world_{4};
  std::shared_ptr<SeenJournal> journal_ = std::make_shared<SeenJournal>(world_.journal);
};

TEST_F(FoldTest, WhatHasEndedLeavesMemoryAndIsReadFromTheJournal) {
  const auto group = MakeEnded(105);
  EXPECT_GE(group->folded(), 90u);
  EXPECT_FALSE(group->TaskInMemory(3).has_value());
  EXPECT_TRUE(group->TaskInMemory(104).has_value());
  const Result<TaskView> task = world_.ReadTask(group, 3);
  EXPECT_EQ(task.value().name, "n3");
  EXPECT_EQ(task.value().state.result, state::Ending::kSucceeded);
  EXPECT_EQ(task.value().index, 3u);
  EXPECT_NE(task.value().ended, WallTime{});
  EXPECT_EQ(world_.CheckLog(group), "");
}

TEST_F(FoldTest, MemoryDoesNotGrowWithWhatHasEnded) {
  const auto group = MakeEnded(600);  // as many events as are kept in memory
  const size_t before = group->bytes();
  for (int i = 600; i < 1'400; ++i) ASSERT_TRUE(SubmitOne(group, "n" + std::to_string(i)).ok());
  EXPECT_LT(group->bytes(), before + 10'000) << "800 tasks take some 200 kB";
}

TEST_F(FoldTest, OneTaskIsReadWithoutItsEvents) {
  const auto group = MakeEnded(500);
  journal_->reads.clear();
  EXPECT_EQ(world_.ReadTask(group, 480).value().name, "n480");
  EXPECT_EQ(journal_->reads, std::vector<uint64_t>());
}

TEST_F(FoldTest, WithoutItsBlockATaskIsReadFromTheEventsBehindAMilestone) {
  const auto group = MakeEnded(500);
  const Lines before = Tell(world_, group);
  journal_->lose_blocks = true;
  journal_->reads.clear();
  EXPECT_EQ(world_.ReadTask(group, 480).value().name, "n480");
  ASSERT_FALSE(journal_->reads.empty());
  EXPECT_GT(*std::min_element(journal_->reads.begin(), journal_->reads.end()), 1'000u);
  EXPECT_EQ(Tell(world_, group), before);
}

TEST_F(FoldTest, NamesStayTaken) {
  const auto group = MakeEnded(50);
  const Reply again = SubmitOne(group, "n3");
  EXPECT_EQ(again.error().reason, "TASK_NAME_TAKEN");
  EXPECT_NE(again.error().fields.at(0).description.find("n3"), std::string::npos);
  EXPECT_EQ(SubmitOne(group, "n50").value().first_index, 50u);
}

TEST_F(FoldTest, TasksAreFoundByTheirNames) {
  const auto group = MakeEnded(50);
  EXPECT_EQ(Find(group, "n3").value(), 3u);
  EXPECT_EQ(Find(group, "n49").value(), 49u);
  EXPECT_EQ(Find(group, "n50").error().reason, "TASK_NOT_FOUND");
  EXPECT_EQ(Find(group, "3").error().reason, "TASK_NOT_FOUND") << "that one is named n3";
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(SubmitOne(group, "").ok());
  EXPECT_EQ(Find(group, "60").value(), 60u) << "an unnamed one";
}

TEST_F(FoldTest, ARetriedRequestGetsItsFirstAnswer) {
  world_.executor->ExitAtOnce();
  const auto group = world_.Create({.spec = {.id = "g"}}).value();
  ASSERT_EQ(SubmitOne(group, "a", {.id = "r", .fingerprint = 7}).value().first_index, 0u);
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(SubmitOne(group, "").ok());
  ASSERT_FALSE(group->Knows("r")) << "not in memory";
  EXPECT_TRUE(Get(Ask<Result<bool>>([&](auto done) {
                world_.engine().KnowsRequest(group, "r", std::move(done));
              })).value());
  const Reply again = SubmitOne(group, "a", {.id = "r", .fingerprint = 7});
  EXPECT_EQ(again.value().first_index, 0u);
  EXPECT_EQ(again.value().count, 1u);
  EXPECT_EQ(SubmitOne(group, "a", {.id = "r", .fingerprint = 8}).error().reason, "REQUEST_ID_REUSED");
  EXPECT_EQ(group->task_count(), 51u);
}

// A name is looked up in the journal, and leaves memory before the answer has come.
TEST_F(FoldTest, ANameThatIsFoldedDuringItsLookUpIsLookedUpAgain) {
  const auto group = MakeEnded(20);
  ASSERT_GT(group->folded(), 0u);
  const uint32_t folded = group->folded();
  ASSERT_TRUE(SubmitOne(group, "late").ok());
  ASSERT_TRUE(group->FindTask("late").has_value()) << "in memory alone";
  journal_->hold = true;
  auto twice = world_.Submit(group, {World::Task("late")});
  ASSERT_EQ(journal_->held.size(), 1u);
  journal_->hold = false;
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(Get(world_.Submit(group, {World::Task()})).ok());
  ASSERT_GT(group->folded(), folded);
  ASSERT_FALSE(group->FindTask("late").has_value());
  const int looks = journal_->looks;
  journal_->held[0]();
  EXPECT_EQ(Get(std::move(twice)).error().reason, "TASK_NAME_TAKEN");
  EXPECT_EQ(journal_->looks, looks + 1);
}

TEST_F(FoldTest, WhatHasNotEndedStaysWhereverItIs) {
  const auto group = world_.Make(1, false);
  world_.executor->ExitAtOnce();
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(SubmitOne(group, "").ok());
  ASSERT_GT(group->folded(), 40u);
  ASSERT_TRUE(group->TaskInMemory(0).has_value());
  EXPECT_EQ(group->TaskInMemory(0)->state.phase, state::TaskState::Phase::kRunning);
  EXPECT_TRUE(world_.ReadTask(group, 1).ok()) << "its window has one that has not ended";
  EXPECT_EQ(group->Folded(0).open, std::vector<uint32_t>{0});
  // It outlives a restart as it would have anyway.
  world_.next_executor = std::make_shared<ScriptedExecutor>();
  world_.next_executor->Recovers();
  ASSERT_FALSE(world_.Open());
  const auto again = world_.Find("g").value();
  EXPECT_EQ(again->folded(), group->folded());
  EXPECT_EQ(world_.executor->running(), Lines{"0.1"});
  world_.executor->Exit("0.1", ExitFailure(3));
  EXPECT_EQ(world_.ReadTask(again, 0).value().failure->code, 3);
  EXPECT_TRUE(again->View().state.decided) << "policy ALL";
  EXPECT_EQ(world_.CheckLog(again), "");
}

TEST_F(FoldTest, OneThatLeavesMemoryWhileItsBlockIsReadIsReadAgain) {
  const auto group = world_.Make(1, false);
  world_.executor->ExitAtOnce();
  const auto fold = [&] {
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(SubmitOne(group, "").ok());
  };
  fold();
  ASSERT_GT(group->folded(), 1u);
  journal_->between_read_and_answer = [&] {
    world_.executor->Exit("0.1");
    fold();
    ASSERT_FALSE(group->TaskInMemory(0).has_value());
  };
  const auto page = Get(Ask<Result<TaskPage>>([&](auto done) { world_.engine().ReadPage(group, 0, done); }));
  EXPECT_EQ(page.value().tasks.at(0).state.result, state::Ending::kSucceeded);
  EXPECT_EQ(journal_->between_read_and_answer, nullptr);
}

TEST_F(FoldTest, ARestartReadsFromTheSnapshotOn) {
  const auto group = MakeEnded(500);
  const Lines before = Tell(world_, group);
  journal_->reads.clear();
  ASSERT_FALSE(world_.Open());
  const auto reads = journal_->reads;
  const auto again = world_.Find("g").value();
  EXPECT_EQ(again->folded(), group->folded());
  EXPECT_EQ(Tell(world_, again), before);
  for (const uint64_t from : reads)
    EXPECT_TRUE(from > 1'400 || from == 2) << from << "; 2: what the first task runs";
}

TEST_F(FoldTest, ASnapshotThatCannotBeReadIsNoLoss) {
  const auto group = MakeEnded(60);
  const Lines before = Tell(world_, group);
  const uint64_t last = group->View().last_number;
  ASSERT_TRUE(Get(Ask<Result<Void>>([&](auto done) {
                world_.journal->PutSnapshot("g", 1, {.number = last, .bytes = "of a later build"},
                                            std::move(done));
              })).ok());
  ASSERT_FALSE(world_.Open());
  const auto again = world_.Find("g").value();
  EXPECT_EQ(again->folded(), 0u);
  EXPECT_EQ(Tell(world_, again), before);
}

TEST_F(FoldTest, AJournalThatRefusesSnapshotsLosesNothing) {
  journal_->refuse = true;
  const auto group = MakeEnded(60);
  EXPECT_EQ(group->folded(), 0u);
  journal_->refuse = false;
  for (int i = 60; i < 80; ++i) ASSERT_TRUE(SubmitOne(group, "n" + std::to_string(i)).ok());
  EXPECT_GT(group->folded(), 50u);
  EXPECT_EQ(SubmitOne(group, "n3").error().reason, "TASK_NAME_TAKEN");
}

TEST_F(FoldTest, AFoldedGroupEndsAndIsReadAsOneThatIsOver) {
  const auto group = MakeEnded(60);
  ASSERT_FALSE(Get(world_.Seal(group)));
  ASSERT_TRUE(group->completed());
  const Lines before = Tell(world_, group);
  EXPECT_EQ(world_.CheckLog(group), "");
  world_.resident_groups = 0;
  ASSERT_FALSE(world_.Open());
  EXPECT_EQ(Tell(world_, world_.Find("g").value()), before);
}

// A group that is over and has many tasks is outlined alone: what is asked of them is read.
TEST_F(FoldTest, OfALargeGroupThatIsOverTheTasksStayInTheJournal) {
  world_.fold_after = 1'000'000;  // nothing has a mark
  world_.whole_tasks = 50;
  world_.resident_groups = 0;
  ASSERT_FALSE(world_.Open());
  const auto group = world_
                         .Create({.spec = {.id = "g", .policy = state::Policy::kAllSettled},
                                  .request = {.id = "made", .fingerprint = 5}})
                         .value();
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(SubmitOne(group, i % 2 == 0 ? "n" + std::to_string(i) : "").ok());
  for (int i = 0; !world_.executor->running().empty(); ++i) {
    world_.executor->Exit(world_.executor->running().front(),
                          i % 20 == 7 ? Status(ExitFailure(3)) : Status());
  }
  ASSERT_FALSE(Get(world_.Seal(group)));
  ASSERT_TRUE(group->completed());
  const Lines before = Tell(world_, group);
  ASSERT_FALSE(world_.Open());
  const auto outline = world_.Find("g").value();
  ASSERT_TRUE(outline->outlined());
  EXPECT_LT(outline->bytes(), 20'000u);
  EXPECT_EQ(world_.CheckLog(outline), "");
  Lines after = Tell(world_, outline);  // of its failures it has the first alone
  const GroupEnd end = Get(Ask<Result<GroupEnd>>([&](auto done) {
                         world_.engine().ReadEnd(outline, std::move(done));
                       })).value();
  EXPECT_EQ(end.failures.size(), 3u);
  after.insert(after.begin() + 2,
               {Status(*end.failures.at(1)).ToString(), Status(*end.failures.at(2)).ToString()});
  EXPECT_EQ(after, before);
  EXPECT_EQ(Find(outline, "n42").value(), 42u);
  EXPECT_EQ(Find(outline, "43").value(), 43u);
  EXPECT_EQ(Find(outline, "42").error().reason, "TASK_NOT_FOUND");
  EXPECT_EQ(Find(outline, "n43").error().reason, "TASK_NOT_FOUND");
  EXPECT_NE(Explain(world_, outline, std::nullopt).causes.back().message.find("failed: exited with code 3"),
            std::string::npos);
  // It is the one that its request has made, and takes nothing.
  EXPECT_EQ(world_.Create({.spec = {}, .request = {.id = "made", .fingerprint = 5}}).value()->id(), "g");
  EXPECT_EQ(world_.Create({.spec = {}, .request = {.id = "made", .fingerprint = 6}}).error().reason,
            "REQUEST_ID_REUSED");
  EXPECT_EQ(SubmitOne(outline, "late").error().reason, "GROUP_DECIDED");
}

// However it was decided: it, and each of its tasks, is explained as it was.
TEST_F(FoldTest, AnOutlinedGroupIsExplainedAsBefore) {
  using state::Policy;
  world_.whole_tasks = 5;
  world_.resident_groups = 0;
  ASSERT_FALSE(world_.Open());
  int made = 0;
  for (const auto& [policy, how] : {std::pair(Policy::kAll, "fail"), std::pair(Policy::kAll, "cancel"),
                                    std::pair(Policy::kAny, "win"), std::pair(Policy::kAllSettled, "fail")}) {
    const std::string id = "g" + std::to_string(++made);
    GroupSpec spec{.id = id, .policy = policy};
    if (policy == Policy::kAll) spec.max_failures = 1;
    const auto group = world_.Make(20, true, std::move(spec));
    world_.executor->Exit("0.1", ExitFailure(3));
    world_.Advance(std::chrono::milliseconds(5));
    if (std::string_view(how) == "cancel") {
      EXPECT_FALSE(Get(world_.Cancel(group)));
    } else {
      world_.executor->Exit("1.1", std::string_view(how) == "win" ? Status() : Status(ExitFailure(4)));
    }
    while (!world_.executor->running().empty()) {
      world_.Advance(std::chrono::milliseconds(1));
      world_.executor->Exit(world_.executor->running().front(), ExitFailure(5));
    }
    ASSERT_TRUE(group->completed());
    const auto told = [&](const World::GroupPtr& of) {
      Lines lines = {Text(Explain(world_, of, std::nullopt))};
      for (uint32_t i = 0; i < 20; ++i) lines.push_back(Text(Explain(world_, of, i)));
      return lines;
    };
    const Lines before = told(group);
    ASSERT_FALSE(world_.Open());
    const auto outline = world_.Find(id).value();
    ASSERT_TRUE(outline->outlined());
    EXPECT_EQ(told(outline), before) << how;
  }
}

// A list reads on while tasks leave memory: it ends before them, and the next page has them.
TEST_F(FoldTest, ViewsEndBeforeWhatHasLeftMemory) {
  const auto group = MakeEnded(15);
  const uint32_t folded = group->folded();
  ASSERT_GT(folded, 0u);
  EXPECT_EQ(group->ViewTasks(folded - 1, 100).size(), 0u);
  EXPECT_EQ(group->ViewTasks(folded, 100).size(), 15u - folded);
}

TEST_F(FoldTest, TheFirstFailureIsExplainedAlsoWhenItsTaskIsFolded) {
  const auto group = world_.Create({.spec = {.id = "g", .policy = state::Policy::kAllSettled}}).value();
  ASSERT_TRUE(SubmitOne(group, "bad").ok());
  world_.executor->Exit("bad.1", ExitFailure(9));
  world_.executor->ExitAtOnce();
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(SubmitOne(group, "").ok());
  ASSERT_FALSE(group->TaskInMemory(0).has_value());
  ASSERT_FALSE(Get(world_.Seal(group)));
  const Explanation explanation = Explain(world_, group, std::nullopt);
  EXPECT_NE(explanation.causes.back().event, 0u);
  EXPECT_EQ(explanation.causes.back().message, "task bad failed: exited with code 9");
  EXPECT_EQ(group->End().failures.size(), 1u);
}

}  // namespace
}  // namespace covey::testing
