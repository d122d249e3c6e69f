#include "server/log/activity.h"

#include <gtest/gtest.h>

#include "tests/server/log/logged_lines.h"

namespace covey {
namespace {

using What = AttemptTrouble::What;
using Lines = std::vector<std::string>;

class ActivityTest : public ::testing::Test {
 protected:
  GroupDecision Decision(state::Outcome outcome) {
    GroupDecision decision{.group = group_, .after = std::chrono::milliseconds(1234)};
    decision.state.outcome = outcome;
    decision.state.submitted = 3;
    return decision;
  }

  const std::shared_ptr<testing::LoggedLines> lines_ = std::make_shared<testing::LoggedLines>();
  const std::shared_ptr<Log> log_ = Log::New(lines_->Output(), {});
  ActivityLines activity_{log_};
  const std::shared_ptr<const GroupSpec> group_ =
      std::make_shared<const GroupSpec>(GroupSpec{.id = "g", .caller = "unix:"});
};

TEST_F(ActivityTest, AFailureNamesGroupTaskCallerReasonAndTime) {
  GroupDecision decision = Decision(state::Outcome::kFailed);
  decision.state.failed = 1;
  decision.state.failure = FailureKind::kExit;
  decision.stopped_in_queue = 1;
  decision.why = std::make_shared<const Failure>(Failure{.kind = FailureKind::kExit,
                                                         .message = "exited with code 3",
                                                         .detail = "a secret",
                                                         .task = "a\nb",
                                                         .attempt = 2});
  decision.first_failure = decision.why;
  activity_.OnDecided(decision);
  EXPECT_EQ(lines_->All(),
            Lines{"info group failed group=g pool=default caller=unix: milliseconds=1234 tasks=3 failed=1 "
                  "never_started=1 reason=exit why=\"exited with code 3\" task=\"a\\u000ab\" attempt=2"});
}

TEST_F(ActivityTest, TheFirstFailureIsToldWhenAnotherDecided) {
  GroupDecision decision = Decision(state::Outcome::kFailed);
  decision.state.failure = FailureKind::kTimeout;
  decision.why =
      std::make_shared<const Failure>(Failure{.kind = FailureKind::kTimeout, .message = "deadline"});
  decision.first_failure =
      std::make_shared<const Failure>(Failure{.message = std::string(1000, 'x'), .task = "t"});
  activity_.OnDecided(decision);
  EXPECT_TRUE(lines_->All()[0].ends_with("reason=timeout why=deadline first_failed=t first_failure=\"" +
                                         std::string(200, 'x') + "…\""))
      << lines_->All()[0];
}

TEST_F(ActivityTest, ASuccessIsToldAtDebugAlone) {
  EXPECT_FALSE(activity_.WantsSuccesses());
  activity_.OnDecided(Decision(state::Outcome::kSucceeded));
  EXPECT_TRUE(lines_->All().empty());
  log_->Set({.parts = {{LogPart::kGroups, LogLevel::kDebug}}});
  EXPECT_TRUE(activity_.WantsSuccesses());
  activity_.OnDecided(Decision(state::Outcome::kSucceeded));
  EXPECT_EQ(lines_->All(),
            Lines{"debug group succeeded group=g pool=default caller=unix: milliseconds=1234 tasks=3 "
                  "failed=0 never_started=0"});
}

TEST_F(ActivityTest, AttemptsThatWereLostOrKilled) {
  const auto why =
      std::make_shared<const Failure>(Failure{.kind = FailureKind::kLost, .message = "the daemon died"});
  activity_.OnTrouble({.what = What::kLost, .group = group_, .task = "t", .attempt = 1, .why = why});
  activity_.OnTrouble({.what = What::kRunAgain, .group = group_, .task = "t", .attempt = 2, .why = why});
  activity_.OnTrouble({.what = What::kKilled, .group = group_, .task = "t", .attempt = 3, .why = nullptr});
  EXPECT_EQ(lines_->All(),
            (Lines{"warning task was lost group=g task=t attempt=1 caller=unix: why=\"the daemon died\"",
                   "warning task was lost and runs again group=g task=t attempt=2 caller=unix: why=\"the "
                   "daemon died\"",
                   "info task was killed: it had not stopped within its grace group=g task=t attempt=3 "
                   "caller=unix:"}));
}

}  // namespace
}  // namespace covey
