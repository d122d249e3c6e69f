// A restart as a whole: it is pipelined, can be stopped, fails for no single group, and sets aside what cannot be
// read.

#include <gtest/gtest.h>

#include <thread>

#include "core/engine/callback_gate.h"
#include "tests/core/base/gate.h"
#include "tests/support/engine_world.h"
#include "tests/support/held_journal.h"

namespace covey::testing {
namespace {

using Fault = MemoryJournal::Fault;
using Lines = std::vector<std::string>;

// A journal in which an event of one group is damaged, or of which the id leads nowhere.
class DamagedJournal final : public HeldJournal {
 public:
  using HeldJournal::HeldJournal;
  void Read(std::string group, uint64_t from, PageLimit limit, Done<std::vector<Record>> done) override {
    if (group == damaged && lost) return done(std::vector<Record>());
    if (group != damaged || from + limit.count <= number)
      return HeldJournal::Read(group, from, limit, std::move(done));
    if (from >= number) {
      return done(Error{.code = ErrorCode::kDataLoss,
                        .reason = "JOURNAL_DAMAGED",
                        .message = "group " + group + ": event " + std::to_string(number) + " is damaged"});
    }
    limit.count = number - from;
    HeldJournal::Read(group, from, limit, std::move(done));
  }
  void Head(std::string group, Done<uint64_t> done) override {
    if (group == damaged && lost) return done(uint64_t{0});
    HeldJournal::Head(std::move(group), std::move(done));
  }
  void Purge(std::vector<std::string> groups, bool keeps_ids, Done<std::vector<Result<Void>>> done) override {
    if (groups != std::vector{damaged})
      return HeldJournal::Purge(std::move(groups), keeps_ids, std::move(done));
    done(std::vector{forgets ? Result<Void>(Void{}) : Error{.code = ErrorCode::kDataLoss}});
  }

  std::string damaged;
  uint64_t number = 1;
  bool lost = false;
  bool forgets = false;
};

TaskSpec RunsAgain() {
  TaskSpec task = World::Task();
  task.rerun_on_restart = true;
  return task;
}

TEST(RestartTest, EveryGroupIsAppendedBeforeTheFirstIsAnswered) {
  constexpr int kGroups = 300;
  World world(kGroups);
  ASSERT_FALSE(world.Open());
  for (int i = 0; i < kGroups; ++i) world.Make(1, true, {.id = "g" + std::to_string(i)});
  world.journal->HoldCommits();
  std::thread restart([&] { EXPECT_FALSE(world.Open()); });
  world.journal->AwaitHeld(kGroups);
  world.journal->ReleaseCommits();
  restart.join();
  for (int i = 0; i < kGroups; ++i)
    EXPECT_TRUE(world.Find("g" + std::to_string(i)).value()->completed()) << i;
}

TEST(RestartTest, TellsHowFarItHasCome) {
  World world(1);
  ASSERT_FALSE(world.Open());
  for (int i = 0; i < 5; ++i) world.Make(1, true, {.id = "g" + std::to_string(i)});
  std::vector<RecoveryProgress> told;
  world.recovery_watcher = [&](const RecoveryProgress& progress) {
    told.push_back(progress);
    return true;
  };
  ASSERT_FALSE(world.Open());
  ASSERT_FALSE(told.empty());
  for (size_t i = 1; i < told.size(); ++i) {
    EXPECT_LE(told[i - 1].read, told[i].read);
    EXPECT_LE(told[i - 1].resumed, told[i].resumed);
    EXPECT_LE(told[i].resumed, told[i].read);
    EXPECT_LE(told[i].read, told[i].found);
  }
  EXPECT_EQ(told.back().found, 5u);
  EXPECT_EQ(told.back().resumed, 5u);
  EXPECT_GE(told.size(), 10u) << "after each group, when it is read and when it is resumed";
}

// Between any two groups, whether they are being read or resumed.
TEST(RestartTest, StopsWhenItIsToldToAndLosesNothing) {
  for (const size_t calls : {1u, 3u, 6u, 8u, 10u}) {
    World world(1);
    ASSERT_FALSE(world.Open());
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(
          world.Create({.spec = {.id = "g" + std::to_string(i)}, .tasks = {RunsAgain()}, .seal = true}).ok());
    }
    size_t called = 0;
    world.recovery_watcher = [&](const RecoveryProgress&) { return ++called < calls; };
    const std::optional<Error> stopped = world.Open();
    ASSERT_TRUE(stopped) << calls;
    EXPECT_EQ(stopped->reason, "SHUTTING_DOWN");
    EXPECT_EQ(called, calls) << "not asked again";
    EXPECT_EQ(world.executor->launches(), 0u);
    world.recovery_watcher = nullptr;
    ASSERT_FALSE(world.Open());
    world.executor->ExitAll();
    EXPECT_EQ(world.executor->launches(), 4u);
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(world.Find("g" + std::to_string(i)).value()->View().state.outcome,
                state::Outcome::kSucceeded);
  }
}

// A full disk: the daemon starts, and each group goes on trying.
TEST(RestartTest, AGroupThatCannotBeWrittenGoesOnByItself) {
  World world(4);
  ASSERT_FALSE(world.Open());
  world.Make(1, true, {.id = "running"});
  world.Make(1, true, {.id = "timed", .timeout = std::chrono::seconds(60)});
  world.Make(2, false,
             {.id = "attached", .limit = 1, .policy = state::Policy::kAllSettled, .attached = true});
  world.wall += std::chrono::hours(1);
  world.journal->Inject(Fault::kFail, 3);
  ASSERT_FALSE(world.Open());
  EXPECT_EQ(world.executor->launches(), 0u);
  world.Advance(std::chrono::seconds(20));
  EXPECT_EQ(world.executor->launches(), 0u) << "what belonged to a call is over";
  EXPECT_EQ(world.Find("running").value()->View().state.failure, FailureKind::kLost);
  EXPECT_EQ(world.Find("timed").value()->View().state.outcome, state::Outcome::kFailed);
  const GroupSummary attached = world.Find("attached").value()->View();
  EXPECT_EQ(attached.state.outcome, state::Outcome::kCancelled);
  EXPECT_EQ(attached.failure->message, "owner_lost: the daemon that served its owner died");
}

TEST(RestartTest, AnEngineThatHasEndedIsNotCalledBack) {
  auto journal = std::make_shared<MemoryJournal>();
  auto executor = std::make_shared<ScriptedExecutor>();
  ExecutorTable executors;
  executors.Set<FunctionSpec>(executor);
  auto engine = std::make_unique<Engine>(Engine::Options{.journal = journal,
                                                         .output = std::make_shared<NoOutput>(),
                                                         .executors = executors,
                                                         .answers = AnswerQueue::Runs::kOnFlush});
  ASSERT_FALSE(engine->Recover());
  engine->Run();
  const auto group =
      Get(Ask<Result<Engine::GroupPtr>>([&](auto done) {
        engine->CreateGroup({.spec = {.id = "g"}, .tasks = World::Tasks(1), .seal = true}, done);
      })).value();
  journal->HoldCommits();
  executor->Exit("0.1");
  engine.reset();
  journal->ReleaseCommits();
  EXPECT_TRUE(group->completed());
  journal->Close();
}

class AsideTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(world_.Open());
    ASSERT_TRUE(Get(Ask<Result<PoolView>>([&](auto done) {
                  world_.engine().pools().Create("batch", 2, done);
                })).ok());
    // created, submitted ×2, started ×2, sealed
    world_.Make(2, true, {.id = "bad", .pool = "batch"});
    world_.Make(2, true, {.id = "good", .policy = state::Policy::kAllSettled});
    damaged_->damaged = "bad";
    world_.between = damaged_;
  }

  Result<EventPage> Events(const World::GroupPtr& group, uint64_t after, size_t limit = 100) {
    return Get(Ask<Result<EventPage>>(
        [&](auto done) { world_.engine().ReadEvents(group, after, {.count = limit}, std::move(done)); }));
  }
  Result<Void> Delete() {
    return Get(Ask<Result<Void>>([&](auto done) { world_.engine().Delete("bad", std::move(done)); }));
  }
  GroupPage List() {
    return Get(Ask<Result<GroupPage>>(
                   [&](auto done) { world_.engine().List({}, {.count = 10}, {}, std::move(done)); }))
        .value();
  }

  World world_{2};
  std::shared_ptr<DamagedJournal> damaged_ = std::make_shared<DamagedJournal>(world_.journal);
};

TEST_F(AsideTest, ADamagedGroupHoldsUpNobody) {
  damaged_->number = 4;
  std::vector<std::string> warnings;
  world_.warn = [&](const std::string& line) { warnings.push_back(line); };
  ASSERT_FALSE(world_.Open());
  EXPECT_EQ(warnings, Lines{"a group is set aside, it cannot be read: group bad: event 4 is damaged"});
  EXPECT_TRUE(world_.Find("good").value()->completed()) << "what ran is lost";

  const Error error = world_.Find("bad").error();
  EXPECT_EQ(error.code, ErrorCode::kDataLoss);
  EXPECT_EQ(error.message, "group bad: event 4 is damaged");
  EXPECT_EQ(world_.Create({.spec = {.id = "bad"}}).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(Delete().error().code, ErrorCode::kDataLoss) << "as the journal says";

  GroupPage page = List();
  ASSERT_EQ(page.groups.size(), 1u);
  EXPECT_EQ(page.groups[0].spec->id, "good");
  ASSERT_EQ(page.damaged.size(), 1u);
  EXPECT_EQ(page.damaged[0].group, "bad");
  EXPECT_EQ(page.damaged[0].error.message, "group bad: event 4 is damaged");

  EXPECT_TRUE(Get(Ask<Result<Void>>([&](auto done) {
                world_.engine().pools().Close("batch", std::move(done));
              })).ok())
      << "it uses no pool";
  EXPECT_EQ(world_.engine().queue_usage().used, Budget::Amount{});

  damaged_->forgets = true;
  EXPECT_TRUE(Delete().ok());
  EXPECT_TRUE(List().damaged.empty());
}

TEST_F(AsideTest, AGroupThatIsListedAndNotFoundUsesNoPoolEither) {
  damaged_->lost = true;
  ASSERT_FALSE(world_.Open());
  EXPECT_TRUE(world_.Find("good").value()->completed());
  EXPECT_EQ(world_.Find("bad").error().code, ErrorCode::kDataLoss);
  EXPECT_EQ(world_.engine().pools().Get("batch").value().groups, 0u);
}

// Whatever event it is, those before it are told, in pages of any size, and then why there are no more.
TEST_F(AsideTest, ItsEventsAreToldAsFarAsTheyGo) {
  for (uint64_t bad = 2; bad <= 6; ++bad) {
    damaged_->number = bad;
    ASSERT_FALSE(world_.Open());
    const auto group = Get(Ask<Result<World::GroupPtr>>([&](auto done) {
                         world_.engine().FindReadable("bad", std::move(done));
                       })).value();
    for (const size_t limit : {1u, 2u, 100u}) {
      uint64_t after = 0;
      Result<EventPage> page = Events(group, after, limit);
      for (; page.ok(); page = Events(group, after, limit)) {
        for (const Record& record : page.value().records()) EXPECT_EQ(record.number, ++after);
        EXPECT_EQ(page.value().through, after);
        EXPECT_FALSE(page.value().completed);
        ASSERT_FALSE(page.value().empty());
      }
      EXPECT_EQ(after, bad - 1);
      EXPECT_EQ(page.error().code, ErrorCode::kDataLoss);
    }
  }
}

TEST(CallbackGateTest, CloseWaitsForCallsAndLetsNoneThrough) {
  CallbackGate gate;
  Gate entered(2);
  std::atomic<bool> done = false;
  std::thread caller([&] {
    gate.Pass([&] {
      entered.OpenAndWait();
      std::this_thread::yield();
      done = true;
    });
  });
  entered.OpenAndWait();
  gate.Close();
  EXPECT_TRUE(done);
  gate.Pass([] { FAIL() << "it is closed"; });
  caller.join();
}

}  // namespace
}  // namespace covey::testing
