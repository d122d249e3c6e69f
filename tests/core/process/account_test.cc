#include "core/process/account.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>

namespace covey::testing {
namespace {

Account Find(const std::string& user, const std::string& group) {
  Account account;
  const auto problem = FindAccount(user, group, &account);
  EXPECT_FALSE(problem) << problem->field << " " << problem->description;
  return account;
}

StartProblem Fail(const std::string& user, const std::string& group) {
  Account account;
  const auto problem = FindAccount(user, group, &account);
  EXPECT_TRUE(problem);
  return problem.value_or(StartProblem{});
}

TEST(AccountTest, AUserBringsItsGroupsAndItsHome) {
  const Account root = Find("root", "");
  EXPECT_EQ(root.user, 0u);
  EXPECT_EQ(root.group, 0u);
  EXPECT_EQ(root.name, "root");
  EXPECT_FALSE(root.home.empty());
  EXPECT_FALSE(root.shell.empty());
  EXPECT_NE(std::find(root.groups.begin(), root.groups.end(), 0u), root.groups.end());
}

TEST(AccountTest, ANumberIsAsGoodAsAName) {
  const passwd* nobody = ::getpwnam("nobody");
  if (nobody == nullptr) GTEST_SKIP() << "this system has no user nobody";
  const uid_t uid = nobody->pw_uid;
  const Account by_name = Find("nobody", "");
  const Account by_number = Find(std::to_string(uid), "");
  EXPECT_EQ(by_name.user, uid);
  EXPECT_EQ(by_number.user, uid);
  EXPECT_EQ(by_number.name, "nobody");
  EXPECT_EQ(by_number.groups, by_name.groups);
}

TEST(AccountTest, AGroupIsTheOnlyOne) {
  const Account account = Find("root", "4242");
  EXPECT_EQ(account.user, 0u);
  EXPECT_EQ(account.group, 4242u);
  EXPECT_EQ(account.groups, std::vector<gid_t>{4242});
  EXPECT_EQ(Find("", "root").group, 0u);
  EXPECT_EQ(Find("", "root").user, ::geteuid());
}

TEST(AccountTest, ANumberWithoutAnEntryNeedsAGroup) {
  const Account account = Find("3999999999", "7");
  EXPECT_EQ(account.user, 3999999999u);
  EXPECT_EQ(account.group, 7u);
  EXPECT_EQ(account.home, "");
  const StartProblem problem = Fail("3999999999", "");
  EXPECT_EQ(problem.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(problem.field, "group");
  EXPECT_NE(problem.description.find("3999999999"), std::string::npos);
}

TEST(AccountTest, SaysWhoIsNotKnown) {
  StartProblem problem = Fail("no-such-user", "");
  EXPECT_EQ(problem.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(problem.field, "user");
  EXPECT_EQ(problem.description, "must be a user of this system or a number, got 'no-such-user'");
  problem = Fail("root", "no-such-group");
  EXPECT_EQ(problem.field, "group");
  EXPECT_EQ(problem.description, "must be a group of this system or a number, got 'no-such-group'");
  // The highest number stands for none, and what comes behind it is no number.
  EXPECT_EQ(Fail("4294967295", "0").field, "user");
  EXPECT_EQ(Fail("0", "4294967295").field, "group");
  EXPECT_EQ(Fail("-1", "").field, "user");
}

}  // namespace
}  // namespace covey::testing
