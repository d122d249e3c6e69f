#include "server/services/ownership.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/engine_world.h"

namespace covey::testing {
namespace {

using Made = Result<GroupPtr>;

class OwnershipTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_FALSE(world_.Open()); }

  std::future<Made> Create(const Ownership& owner) {
    return Ask<Made>([&](auto done) {
      world_.engine().CreateGroup({.spec = {.id = "g"}, .tasks = World::Tasks(1)}, owner.Creating(done));
    });
  }

  World world_;
};

TEST_F(OwnershipTest, CancelsTheGroupWhenItEnds) {
  std::optional<Ownership> owner(std::in_place);
  const GroupPtr group = testing::Get(Create(*owner)).value();
  EXPECT_EQ(PhaseOf(group->View().state), GroupPhase::kRunning);
  owner->set_cause("owner_lost: went away");
  owner.reset();
  EXPECT_EQ(world_.executor->stopped("0.1")->message, "owner_lost: went away");
  world_.executor->ExitAll();
  EXPECT_EQ(PhaseOf(group->View().state), GroupPhase::kCancelled);
  EXPECT_EQ(group->View().failure->message, "owner_lost: went away");
}

TEST_F(OwnershipTest, CancelsAGroupThatWasStillBeingMade) {
  std::optional<Ownership> owner(std::in_place);
  world_.journal->HoldCommits();
  std::future<Made> making = Create(*owner);
  owner.reset();
  world_.journal->ReleaseCommits();
  const GroupPtr group = testing::Get(std::move(making)).value();
  ASSERT_TRUE(world_.executor->stopped("0.1"));
  world_.executor->ExitAll();
  EXPECT_EQ(PhaseOf(group->View().state), GroupPhase::kCancelled);
}

TEST_F(OwnershipTest, LeavesAReleasedGroupAlone) {
  std::optional<Ownership> owner(std::in_place);
  const GroupPtr group = testing::Get(Create(*owner)).value();
  owner->Release();
  owner.reset();
  EXPECT_FALSE(world_.executor->stopped("0.1"));
  world_.executor->ExitAll();
  EXPECT_EQ(PhaseOf(group->View().state), GroupPhase::kRunning);
}

TEST_F(OwnershipTest, PassesARefusalOn) {
  std::optional<Ownership> owner(std::in_place);
  const GroupPtr other = world_.Make(1);
  const Made refused = testing::Get(Create(*owner));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  owner.reset();
  EXPECT_EQ(PhaseOf(other->View().state), GroupPhase::kRunning);
}

}  // namespace
}  // namespace covey::testing
