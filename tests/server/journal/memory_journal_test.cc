#include "server/journal/memory_journal.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/server/journal/support.h"

// The hooks for tests of others.
namespace covey {
namespace {

using Kind = AppendResult::Kind;

class MemoryJournalTest : public ::testing::Test {
 protected:
  MemoryJournal journal_;
  Client client_{journal_};
  Writer group_{"g", client_.Acquire()};
};

TEST_F(MemoryJournalTest, InjectedFaultsMeetTheNextAppends) {
  EXPECT_EQ(client_.Send(group_.Create()).kind, Kind::kCommitted);
  journal_.Inject(MemoryJournal::Fault::kFail, 2);
  journal_.Inject(MemoryJournal::Fault::kLoseRequest, 1);
  journal_.Inject(MemoryJournal::Fault::kLoseReply, 1);
  const Append seal = group_.Seal();
  EXPECT_EQ(client_.Send(seal).kind, Kind::kFailed);
  EXPECT_EQ(client_.Send(seal).kind, Kind::kFailed);
  EXPECT_EQ(client_.Send(seal).kind, Kind::kUnknown);
  EXPECT_EQ(client_.Head("g").value(), 1u);
  EXPECT_EQ(client_.Send(seal).kind, Kind::kUnknown);
  EXPECT_EQ(client_.Head("g").value(), 2u);
  EXPECT_EQ(client_.Send(seal).kind, Kind::kCommitted) << "sent again after a lost reply";
  journal_.Inject(MemoryJournal::Fault::kLoseOwnership, 1);
  EXPECT_EQ(client_.Send(group_.Tasks(1)).kind, Kind::kFenced);
}

TEST_F(MemoryJournalTest, HeldAppendsWaitForTheRelease) {
  journal_.HoldCommits();
  std::atomic<int> answered = 0;
  std::thread appender([&] {
    for (int i = 0; i < 3; ++i) {
      journal_.AppendAsync(i == 0 ? group_.Create() : group_.Tasks(1), [&](AppendResult) { ++answered; });
    }
  });
  journal_.AwaitHeld(3);
  EXPECT_EQ(answered.load(), 0);
  EXPECT_EQ(client_.Head("g").value(), 0u);
  journal_.ReleaseCommits();
  EXPECT_EQ(answered.load(), 3);
  EXPECT_EQ(client_.Head("g").value(), 3u);
  appender.join();
}

TEST_F(MemoryJournalTest, CloseReleasesWhatIsHeld) {
  journal_.HoldCommits();
  AppendResult result;
  journal_.AppendAsync(group_.Create(), [&](AppendResult answer) { result = std::move(answer); });
  journal_.Close();
  EXPECT_EQ(result.kind, Kind::kCommitted);
}

TEST_F(MemoryJournalTest, ReadsFailAsOftenAsAsked) {
  journal_.FailReads(2);
  EXPECT_EQ(client_.Head("g").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_.List().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_.Head("g").value(), 0u);
}

TEST_F(MemoryJournalTest, AnswersDoNotNest) {
  int depth = 0;
  int deepest = 0;
  int left = 10'000;
  std::function<void(AppendResult)> again = [&](AppendResult) {
    deepest = std::max(deepest, ++depth);
    if (--left > 0) journal_.AppendAsync(group_.Tasks(1), again);
    --depth;
  };
  journal_.AppendAsync(group_.Create(), again);
  EXPECT_EQ(left, 0);
  EXPECT_EQ(deepest, 1);
}

}  // namespace
}  // namespace covey
