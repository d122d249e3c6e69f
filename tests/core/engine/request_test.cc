// Idempotent requests and names (promise 13), and what creates and submits are refused for.

#include <gtest/gtest.h>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using MadeGroup = Result<Engine::GroupPtr>;

class RequestTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(world_.Open()); }
  World world_;
};

TEST_F(RequestTest, ARetriedCreateIsTheFirst) {
  const Engine::Create create{.spec = {}, .tasks = World::Tasks(1), .request = {.id = "r", .fingerprint = 1}};
  const auto first = world_.Create(create);
  const auto second = world_.Create(create);
  EXPECT_EQ(first.value(), second.value());
  EXPECT_EQ(first.value()->task_count(), 1u);
}

TEST_F(RequestTest, TwoCreatesAtOnceMakeOneGroup) {
  const Engine::Create create{.spec = {}, .tasks = World::Tasks(1), .request = {.id = "r", .fingerprint = 1}};
  world_.journal->HoldCommits();
  const auto ask = [&] {
    return Ask<MadeGroup>([&](auto done) { world_.engine().CreateGroup(create, std::move(done)); });
  };
  auto first = ask();
  auto second = ask();
  EXPECT_FALSE(Answered(first) || Answered(second));
  world_.journal->ReleaseCommits();
  EXPECT_EQ(Get(std::move(first)).value(), Get(std::move(second)).value());
  EXPECT_EQ(world_.executor->launches(), 1u);
}

TEST_F(RequestTest, OfTwoCreatesWithOneIdOneIsRefused) {
  world_.journal->HoldCommits();
  const auto ask = [&] {
    return Ask<MadeGroup>(
        [&](auto done) { world_.engine().CreateGroup({.spec = {.id = "g"}}, std::move(done)); });
  };
  auto first = ask();
  auto second = ask();
  world_.journal->ReleaseCommits();
  EXPECT_TRUE(Get(std::move(first)).ok());
  EXPECT_EQ(Get(std::move(second)).error().code, ErrorCode::kAlreadyExists);
}

TEST_F(RequestTest, TheSecondOfTwoCreatesMayMakeItWhenTheFirstFails) {
  const Engine::Create create{.spec = {.id = "g"}, .tasks = {}, .request = {.id = "r"}};
  world_.journal->HoldCommits();
  const auto ask = [&] {
    return Ask<MadeGroup>([&](auto done) { world_.engine().CreateGroup(create, std::move(done)); });
  };
  auto first = ask();
  auto second = ask();
  world_.journal->Inject(MemoryJournal::Fault::kFail, 1);
  world_.journal->ReleaseCommits();
  EXPECT_FALSE(Get(std::move(first)).ok());
  EXPECT_TRUE(Get(std::move(second)).ok());
}

TEST_F(RequestTest, AnIdInUseIsRefusedUntilItsGroupIsDeleted) {
  world_.Make(0);
  EXPECT_EQ(world_.Create({.spec = {.id = "g"}}).error().reason, "GROUP_EXISTS");
  EXPECT_TRUE(Get(Ask<Result<Void>>([&](auto done) { world_.engine().Delete("g", done); })).ok());
  EXPECT_TRUE(world_.Create({.spec = {.id = "g"}}).ok());
}

TEST_F(RequestTest, ARequestWhoseGroupWasDeletedDoesNotGetALaterOneOfItsId) {
  const Engine::Create create{
      .spec = {.id = "g"}, .tasks = {}, .seal = true, .request = {.id = "r", .fingerprint = 1}};
  ASSERT_TRUE(world_.Create(create).ok());
  EXPECT_TRUE(Get(Ask<Result<Void>>([&](auto done) { world_.engine().Delete("g", done); })).ok());
  EXPECT_EQ(world_.Create(create).error().reason, "GROUP_NOT_FOUND");
  ASSERT_TRUE(world_.Create({.spec = {.id = "g"}}).ok());
  EXPECT_EQ(world_.Create(create).error().reason, "GROUP_NOT_FOUND");
}

TEST_F(RequestTest, ARetriedSubmitGetsTheFirstAnswer) {
  const auto group = world_.Make(1, false);
  const RequestMark request{.id = "r", .fingerprint = 1};
  world_.journal->HoldCommits();
  auto first = world_.Submit(group, World::Tasks(2), request);
  auto retry = world_.Submit(group, World::Tasks(2), request);
  EXPECT_FALSE(Answered(retry));  // not before the first is durable
  world_.journal->ReleaseCommits();
  EXPECT_EQ(Get(std::move(first)).value().first_index, 1u);
  EXPECT_EQ(Get(std::move(retry)).value().first_index, 1u);
  EXPECT_EQ(group->task_count(), 3u);
  EXPECT_FALSE(Get(world_.Cancel(group)));
  EXPECT_EQ(Get(world_.Submit(group, World::Tasks(2), request)).value().count, 2u);  // whatever came since
  const auto other = Get(world_.Submit(group, World::Tasks(2), {.id = "r", .fingerprint = 2}));
  EXPECT_EQ(other.error().reason, "REQUEST_ID_REUSED");
}

TEST_F(RequestTest, ARetryFailsWithTheSubmitThatItRepeats) {
  const auto group = world_.Make(0, false);
  world_.journal->HoldCommits();
  auto first = world_.Submit(group, World::Tasks(1), {.id = "r"});
  auto retry = world_.Submit(group, World::Tasks(1), {.id = "r"});
  world_.journal->Inject(MemoryJournal::Fault::kFail, 1);
  world_.journal->ReleaseCommits();
  EXPECT_FALSE(Get(std::move(first)).ok());
  EXPECT_FALSE(Get(std::move(retry)).ok());
  world_.Advance(std::chrono::milliseconds(100));
  EXPECT_EQ(Get(world_.Submit(group, World::Tasks(1), {.id = "r"})).value().first_index, 0u);
}

TEST_F(RequestTest, ARequestThatIsDurableOutlivesTheFailureOfTheNext) {
  const auto group = world_.Make(0, false);
  EXPECT_TRUE(Get(world_.Submit(group, World::Tasks(2), {.id = "first"})).ok());
  world_.journal->Inject(MemoryJournal::Fault::kFail, 1);
  EXPECT_FALSE(Get(world_.Submit(group, World::Tasks(1), {.id = "second"})).ok());
  world_.Advance(std::chrono::milliseconds(100));
  EXPECT_EQ(Get(world_.Submit(group, World::Tasks(2), {.id = "first"})).value().first_index, 0u);
  EXPECT_EQ(group->task_count(), 2u);
}

TEST_F(RequestTest, ARequestThatOnlySealsIsNotTakenForTheNext) {
  const auto group = world_.Make(0, false);
  EXPECT_TRUE(Get(world_.Submit(group, {}, {.id = "nothing", .fingerprint = 1})).ok());
  EXPECT_TRUE(Get(world_.Submit(group, World::Tasks(1))).ok());
  const auto records = world_.Records("g");
  for (const Record& record : records.value()) EXPECT_EQ(record.request, nullptr);
}

TEST_F(RequestTest, NamesAreUniqueInAGroup) {
  const auto group = world_.Make(2, false);  // called 0 and 1
  const auto reason = [&](std::vector<TaskSpec> tasks) {
    const auto reply = Get(world_.Submit(group, std::move(tasks)));
    return reply.ok() ? "" : reply.error().reason;
  };
  EXPECT_EQ(reason({World::Task("a"), World::Task("a")}), "TASK_NAME_TAKEN");
  EXPECT_EQ(reason({World::Task("1")}), "TASK_NAME_TAKEN");
  EXPECT_EQ(reason({World::Task("3"), World::Task()}), "TASK_NAME_TAKEN");
  EXPECT_EQ(reason({World::Task("2"), World::Task("7")}), "");  // 2 is called by its own index
  EXPECT_EQ(reason({World::Task(), World::Task(), World::Task(), World::Task()}), "TASK_NAME_TAKEN");
  EXPECT_EQ(group->FindTask("7"), 3u);
  EXPECT_EQ(group->FindTask("0"), 0u);
  EXPECT_FALSE(group->FindTask("00"));
  EXPECT_FALSE(group->FindTask("3"));
}

TEST_F(RequestTest, GeneratedIdsDiffer) {
  const auto a = world_.Create({}).value()->id();
  const auto b = world_.Create({}).value()->id();
  EXPECT_NE(a, b);
  EXPECT_EQ(a.size(), 36u);
  EXPECT_NE(a.substr(0, 8), b.substr(0, 8)) << "the beginning tells them apart";
}

TEST_F(RequestTest, AnUnknownPoolIsNamed) {
  const auto refused = world_.Create({.spec = {.pool = "gpu"}});
  EXPECT_EQ(refused.error().reason, "POOL_NOT_FOUND");
  EXPECT_EQ(refused.error().fields.at(0).description, "must be one of default, got gpu");
}

TEST_F(RequestTest, DrainingRefusesNewGroupsAlone) {
  const auto group = world_.Make(0, false);
  world_.engine().BeginDrain();
  EXPECT_EQ(world_.Create({}).error().reason, "DRAINING");
  EXPECT_EQ(world_.engine().pools().Get("default").value().groups, 1u);
  EXPECT_TRUE(world_.engine().Busy().empty());  // an idle group does not hold up the end
  EXPECT_TRUE(Get(world_.Submit(group, World::Tasks(1))).ok());
  EXPECT_EQ(world_.engine().Busy().size(), 1u);
}

}  // namespace
}  // namespace covey::testing
