#include "core/process/adopting_tracker.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

// A root with a session of its own that leaves one orphan in it, which this program adopts.
class AdoptingTrackerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0); }
  void TearDown() override {
    ASSERT_GT(root_, 1);
    ::kill(-root_, SIGKILL);
    ::waitpid(root_, nullptr, 0);
    over_.set_value();
    starter_.join();
    tracker_.Finish();
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }

  void StartRoot() {
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    // By a thread that lives on, as a supervisor does: what is a child of the main thread was adopted.
    starter_ = std::thread([this, out = fds[1]] {
      root_ = ::fork();
      if (root_ == 0) RunRoot(out);
      over_.get_future().wait();
    });
    ASSERT_EQ(::read(fds[0], &orphan_, sizeof orphan_), static_cast<ssize_t>(sizeof orphan_));
    ::close(fds[0]);
    ::close(fds[1]);
    // It is ours when its parent has ended.
    ASSERT_TRUE(testing::Eventually([this] {
      const auto stat = procfs::ReadStat(orphan_, nullptr);
      return stat && stat->parent == ::getpid();
    }));
  }
  [[noreturn]] static void RunRoot(int out) {
    ::setsid();
    if (::fork() == 0) {
      const pid_t orphan = ::fork();
      if (orphan == 0) {
        for (;;) ::pause();
      }
      static_cast<void>(!::write(out, &orphan, sizeof orphan));
      ::_exit(0);
    }
    ::wait(nullptr);
    for (;;) ::pause();
  }
  Tree NewTree(ProcessId id) {
    Tree tree;
    tree.id = id;
    tree.token = "token-" + std::to_string(id);
    EXPECT_TRUE(tracker_.Prepare(tree));
    tree.root = root_;
    tracker_.Started(tree);
    return tree;
  }

  std::vector<std::string> log_;
  AdoptingTracker tracker_{"COVEY_TEST_TOKEN", AdoptingTracker::Unowned::kSuspect, "",
                           [this](std::string_view line) { log_.emplace_back(line); }};
  std::promise<void> over_;
  std::thread starter_;
  std::atomic<pid_t> root_ = -1;
  pid_t orphan_ = -1;
};

TEST_F(AdoptingTrackerTest, AnOrphanThatEndsBeforeItsTreeIsForgotten) {
  StartRoot();
  Tree tree = NewTree(1);
  tracker_.Tidy();
  EXPECT_EQ(tracker_.known(), 1u);
  ::kill(orphan_, SIGKILL);
  EXPECT_TRUE(testing::Eventually([this] {
    tracker_.Tidy();
    return tracker_.known() == 0;
  }));
  tracker_.Release(tree);
}

// Without descriptors nothing can be read, and nothing is missed.
TEST_F(AdoptingTrackerTest, TheEndOfATreeTakesNoLookAtTheOrphansOfAnother) {
  StartRoot();
  Tree other = NewTree(1);
  tracker_.Tidy();
  Tree tree = NewTree(2);
  {
    const NoDescriptors none;
    EXPECT_TRUE(tracker_.SweepLeftovers(tree, TreeTracker::Leftovers::kKill).gone);
    EXPECT_FALSE(tracker_.SweepLeftovers(other, TreeTracker::Leftovers::kKill).gone);
  }
  EXPECT_EQ(tracker_.SweepLeftovers(other, TreeTracker::Leftovers::kKill).killed, 1u);
  EXPECT_TRUE(testing::Eventually(
      [&] { return tracker_.SweepLeftovers(other, TreeTracker::Leftovers::kKill).gone; }));
  tracker_.Release(tree);
  tracker_.Release(other);
}

// The pid of a root is free once it is reaped, which is before its tree is released.
TEST_F(AdoptingTrackerTest, ATreeIsNotForgottenWithAnOlderOneOfTheSameRootPid) {
  StartRoot();
  Tree older = NewTree(1);
  Tree newer = NewTree(2);
  tracker_.Release(older);
  const TreeTracker::Sweep sweep = tracker_.SweepLeftovers(newer, TreeTracker::Leftovers::kKill);
  EXPECT_FALSE(sweep.gone);
  EXPECT_EQ(sweep.killed, 1u);
  EXPECT_EQ(log_, std::vector<std::string>()) << "it is attributed by its session, not by suspicion";
  EXPECT_TRUE(testing::Eventually(
      [&] { return tracker_.SweepLeftovers(newer, TreeTracker::Leftovers::kKill).gone; }));
  tracker_.Release(newer);
}

}  // namespace
}  // namespace covey::testing
