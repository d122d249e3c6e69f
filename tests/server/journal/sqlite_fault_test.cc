#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "core/base/make_directory.h"
#include "tests/server/journal/fault_vfs.h"
#include "tests/server/journal/sqlite_support.h"

// Disks that are full or break, and what group commit makes of a slow one.
namespace covey {
namespace {

using Kind = AppendResult::Kind;

class SqliteFaultTest : public ::testing::Test {
 protected:
  SqliteJournalOptions Options() const { return {.directory = dir_.path(), .vfs = FaultVfs::kName}; }

  // What a new process would find if this one died now: a journal on a copy of the files.
  std::unique_ptr<OpenJournal> AfterACrash() {
    const std::string copy = copies_.path() + "/" + std::to_string(++copies_made_);
    MakeDirectory(copy, 0700);
    for (const char* file : {"/journal.db", "/journal.db-wal"}) {
      if (std::filesystem::exists(dir_.path() + file)) std::filesystem::copy(dir_.path() + file, copy + file);
    }
    return std::make_unique<OpenJournal>(SqliteJournalOptions{.directory = copy});
  }

  FaultVfs vfs_;
  TempDir dir_;
  TempDir copies_;
  int copies_made_ = 0;
};

TEST_F(SqliteFaultTest, AFailedSyncFailsItsBatchForGood) {
  OpenJournal open(Options());
  Writer group("g", open.epoch);
  ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
  vfs_.fail_syncs = 1;
  const Append seal = group.Seal();
  const AppendResult failed = open.client->Send(seal);
  EXPECT_EQ(failed.kind, Kind::kFailed);
  EXPECT_FALSE(failed.error.message.empty());
  EXPECT_EQ(open.client->Head("g").value(), 1u);
  // The frames of the failed commit are in the log; recovery must not take them for a commit.
  EXPECT_EQ(AfterACrash()->client->Head("g").value(), 1u);
  EXPECT_EQ(open.client->Send(seal).kind, Kind::kCommitted);
  EXPECT_EQ(AfterACrash()->client->Head("g").value(), 2u);
}

TEST_F(SqliteFaultTest, WhileNothingCanBeSyncedTheAnswerIsUnknown) {
  OpenJournal open(Options());
  Writer group("g", open.epoch);
  ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
  vfs_.fail_syncs = 1 << 20;
  const Append seal = group.Seal();
  EXPECT_EQ(open.client->Send(seal).kind, Kind::kUnknown);
  EXPECT_EQ(open.client->Head("g").value(), 1u);
  EXPECT_NE(open.client->Send(seal).kind, Kind::kCommitted);
  vfs_.fail_syncs = 0;
  EXPECT_EQ(open.client->Send(seal).kind, Kind::kCommitted);
  EXPECT_EQ(open.client->Head("g").value(), 2u);
  EXPECT_EQ(AfterACrash()->client->Read("g").value().size(), 2u);
}

TEST_F(SqliteFaultTest, AFailedWriteFailsItsBatchAndLaterOnesWork) {
  OpenJournal open(Options());
  Writer group("g", open.epoch);
  ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
  const Append tasks = group.Tasks(1000);
  for (const auto fault : {&FaultVfs::fail_writes, &FaultVfs::full_writes}) {
    vfs_.*fault = 1;
    EXPECT_EQ(open.client->Send(tasks).kind, Kind::kFailed);
    EXPECT_EQ(vfs_.*fault, 0);
    EXPECT_EQ(open.client->Head("g").value(), 1u);
    EXPECT_EQ(AfterACrash()->client->Head("g").value(), 1u);
  }
  EXPECT_EQ(open.client->Send(tasks).kind, Kind::kCommitted);
  EXPECT_EQ(open.client->Read("g").value().size(), 1001u);
}

// A statement that was bound for the page that failed must not keep what it was bound with.
TEST_F(SqliteFaultTest, APageAfterOneThatFailedIsRight) {
  SqliteJournalOptions options = Options();
  options.readers = 1;
  OpenJournal open(options);
  for (const char* id : {"g", "h"})
    ASSERT_EQ(open.client->Send(Writer(id, open.epoch).Create()).kind, Kind::kCommitted);
  GroupFilter nothing{.phases = {GroupPhase::kRunning, GroupPhase::kStopping, GroupPhase::kSucceeded,
                                 GroupPhase::kFailed, GroupPhase::kCancelled},
                      .created_until = Writer::At(-1)};
  GroupFilter all = nothing;
  all.created_until = WallTime();
  int failed = 0;
  // Whichever read it is that fails: of the first statement, of a later one, of a group.
  for (int good_reads = 0; good_reads < 8; ++good_reads) {
    ASSERT_EQ(open.client->Send(Writer("n" + std::to_string(good_reads), open.epoch).Create()).kind,
              Kind::kCommitted);  // the reader's cache is stale
    vfs_.good_reads = good_reads;
    vfs_.fail_reads = 1;
    if (!open.client->List(nothing).ok()) ++failed;
    vfs_.fail_reads = 0;
    const Result<GroupPage> page = open.client->List(all);
    ASSERT_TRUE(page.ok()) << page.error().message;
    EXPECT_EQ(page.value().groups.size(), static_cast<size_t>(3 + good_reads));
    EXPECT_TRUE(open.client->List(nothing).value().groups.empty());
  }
  EXPECT_GT(failed, 0);
}

TEST_F(SqliteFaultTest, WhatFollowsAFailedAppendIsBehind) {
  OpenJournal open(Options());
  Writer group("g", open.epoch);
  Writer other("h", open.epoch);
  ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
  // Held in its sync, the commit of the first append lets the next one queue behind it.
  std::promise<void> syncing;
  std::promise<void> queued;
  std::atomic<bool> first = true;
  vfs_.OnSync([&] {
    if (!first.exchange(false)) return;
    syncing.set_value();
    queued.get_future().wait();
  });
  vfs_.fail_syncs = 1;
  std::vector<std::future<AppendResult>> results;
  const auto send = [&](Append append) {
    auto promise = std::make_shared<std::promise<AppendResult>>();
    results.push_back(promise->get_future());
    open.journal->AppendAsync(std::move(append),
                              [promise](AppendResult r) { promise->set_value(std::move(r)); });
  };
  send(group.Tasks(1));
  syncing.get_future().wait();
  send(group.Tasks(1));
  send(other.Create());
  queued.set_value();
  EXPECT_EQ(results[0].get().kind, Kind::kFailed);
  const AppendResult next = results[1].get();
  EXPECT_EQ(next.kind, Kind::kBehind);
  EXPECT_EQ(next.head, 1u);
  EXPECT_EQ(results[2].get().kind, Kind::kCommitted);
}

TEST_F(SqliteFaultTest, WhatIsQueuedDuringACommitSharesTheNext) {
  OpenJournal open(Options());
  std::promise<void> syncing;
  std::promise<void> queued;
  std::atomic<bool> first = true;
  vfs_.OnSync([&] {
    if (!first.exchange(false)) return;
    syncing.set_value();
    queued.get_future().wait();
  });
  std::atomic<int> left = 101;
  std::promise<void> all;
  const auto count = [&](AppendResult result) {
    EXPECT_EQ(result.kind, Kind::kCommitted);
    if (--left == 0) all.set_value();
  };
  const int before = vfs_.syncs;
  open.journal->AppendAsync(Writer("g", open.epoch).Create(), count);
  syncing.get_future().wait();
  for (int i = 0; i < 100; ++i) {
    open.journal->AppendAsync(Writer("h" + std::to_string(i), open.epoch).Create(), count);
  }
  queued.set_value();
  ASSERT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(vfs_.syncs - before, 2);
}

TEST_F(SqliteFaultTest, ACommitHoldsNoMoreThanItsBounds) {
  SqliteJournalOptions options = Options();
  options.max_commit_appends = 10;
  OpenJournal open(options);
  std::promise<void> syncing;
  std::promise<void> queued;
  std::atomic<bool> first = true;
  vfs_.OnSync([&] {
    if (!first.exchange(false)) return;
    syncing.set_value();
    queued.get_future().wait();
  });
  const int before = vfs_.syncs;
  std::atomic<int> left = 96;
  std::promise<void> all;
  for (int i = 0; i < 96; ++i) {
    open.journal->AppendAsync(Writer("h" + std::to_string(i), open.epoch).Create(), [&](AppendResult) {
      if (--left == 0) all.set_value();
    });
    if (i == 0) syncing.get_future().wait();
  }
  queued.set_value();
  ASSERT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(vfs_.syncs - before, 11) << "one alone, then 95 by ten";
}

TEST_F(SqliteFaultTest, AFullJournalRefusesUntilThereIsRoom) {
  SqliteJournalOptions options = Options();
  options.max_pages = 200;
  std::string id;
  uint64_t head = 0;
  {
    OpenJournal open(options);
    Writer group("g", open.epoch);
    ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
    AppendResult result;
    int rounds = 0;
    do {
      head = group.next() - 1;
      result = open.client->Send(group.Tasks(1, std::string(10'000, 'x')));
      ASSERT_LT(++rounds, 1000);
    } while (result.kind == Kind::kCommitted);
    EXPECT_EQ(result.kind, Kind::kFailed);
    EXPECT_EQ(result.error.reason, "JOURNAL_FULL") << result.error.message;
    EXPECT_EQ(result.error.code, ErrorCode::kResourceExhausted);
    EXPECT_EQ(open.client->Head("g").value(), head);
    group.set_next(head + 1);
    EXPECT_EQ(open.client->Send(group.Tasks(1, std::string(10'000, 'x'))).kind, Kind::kFailed)
        << "still full";
  }
  options.max_pages = 400;
  OpenJournal open(options);
  Writer group("g", open.epoch);
  group.set_next(head + 1);
  EXPECT_EQ(open.client->Send(group.Tasks(1, std::string(10'000, 'x'))).kind, Kind::kCommitted);
}

// A write of any kind that fails says so, once, and so does the first that succeeds again.
TEST_F(SqliteFaultTest, TroubleIsToldWhenItBeginsAndWhenItEnds) {
  SqliteJournalOptions options = Options();
  std::vector<std::string> told;
  options.on_trouble = [&told](const Error* why) { told.push_back(why == nullptr ? "over" : why->reason); };
  OpenJournal open(options);
  const auto put = [&] { return open.client->PutPool({.name = "batch", .max = 3}); };
  const auto probe = [&] { return Await<Result<Void>>([&](auto done) { open.journal->Probe(done); }); };
  EXPECT_TRUE(probe().ok());
  vfs_.full_writes = 1'000'000;
  for (int i = 0; i < 2; ++i) {
    const Result<Void> refused = put();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().reason, "JOURNAL_FULL") << refused.error().message;
    EXPECT_NE(refused.error().message.find(dir_.path()), std::string::npos) << refused.error().message;
    EXPECT_FALSE(probe().ok());
  }
  Writer group("g", open.epoch);
  EXPECT_EQ(open.client->Send(group.Create()).error.reason, "JOURNAL_FULL");
  EXPECT_EQ(told, std::vector<std::string>{"JOURNAL_FULL"});
  vfs_.full_writes = 0;
  EXPECT_TRUE(probe().ok()) << "without anybody's write";
  EXPECT_EQ(told, (std::vector<std::string>{"JOURNAL_FULL", "over"}));
  EXPECT_TRUE(put().ok());
}

TEST_F(SqliteFaultTest, CommitsThatTakeTooLongAreTold) {
  for (const auto& [slow, times] : {std::pair{std::chrono::nanoseconds(0), 1}, {std::chrono::hours(1), 0}}) {
    SqliteJournalOptions options = Options();
    std::vector<size_t> told;
    options.slow = slow;
    options.on_slow = [&told](std::chrono::nanoseconds took, size_t appends) {
      EXPECT_GT(took, std::chrono::nanoseconds(0));
      told.push_back(appends);
    };
    OpenJournal open(options);
    Writer group("g" + std::to_string(times), open.epoch);
    EXPECT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
    open.journal->Close();
    EXPECT_EQ(told, std::vector<size_t>(static_cast<size_t>(times), 1));
  }
}

TEST_F(SqliteFaultTest, AFullDiskIsFreedWithWhatWasReserved) {
  OpenJournal open(Options());
  const std::string reserve = dir_.path() + "/reserve";
  EXPECT_EQ(std::filesystem::file_size(reserve), 512u << 10);
  for (const std::string id : {"first", "second"}) {
    Writer group(id, open.epoch);
    ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
    for (const Append& append : {group.Decide(state::Outcome::kSucceeded), group.Complete()})
      ASSERT_EQ(open.client->Send(append).kind, Kind::kCommitted);
  }
  vfs_.full_writes = 1;
  EXPECT_TRUE(open.client->Purge("first").ok());
  EXPECT_EQ(std::filesystem::file_size(reserve), 0u);
  vfs_.full_writes = 1'000'000;  // the deletion of the first one's events takes some of them
  const Result<Void> refused = open.client->Purge("second");
  vfs_.full_writes = 0;
  ASSERT_FALSE(refused.ok()) << "nothing is left to give up";
  EXPECT_EQ(refused.error().reason, "JOURNAL_FULL");
  // Once there is room it is kept again.
  const auto probe = [&] { return Await<Result<Void>>([&](auto done) { open.journal->Probe(done); }); };
  EXPECT_TRUE(probe().ok());
  EXPECT_TRUE(probe().ok());
  EXPECT_EQ(std::filesystem::file_size(reserve), 512u << 10);
}

TEST_F(SqliteFaultTest, WithoutAWriteAheadLogItRefusesToPromise) {
  vfs_.no_shared_memory = true;
  const auto refused = OpenSqliteJournal(Options());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "JOURNAL_NOT_DURABLE") << refused.error().message;
  SqliteJournalOptions options = Options();
  options.durability = Durability::kNone;
  OpenJournal open(options);
  EXPECT_FALSE(open.journal->capabilities().durable);
  EXPECT_EQ(open.client->Send(Writer("g", open.epoch).Create()).kind, Kind::kCommitted);
  EXPECT_EQ(open.client->Head("g").value(), 1u);
}

}  // namespace
}  // namespace covey
