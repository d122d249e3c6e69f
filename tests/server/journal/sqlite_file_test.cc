#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/base/make_directory.h"
#include "server/journal/sql.h"
#include "tests/server/journal/sqlite_support.h"

// The data directory and its files: who may open them, and what they must be.
namespace covey {
namespace {

using Kind = AppendResult::Kind;

class SqliteFileTest : public ::testing::Test {
 protected:
  std::string Directory() const { return dir_.path() + "/state/covey"; }
  std::string File() const { return Directory() + "/journal.db"; }
  SqliteJournalOptions Options() const { return {.directory = Directory()}; }
  Error Refused() const {
    Result<std::unique_ptr<Journal>> opened = OpenSqliteJournal(Options());
    return opened.ok() ? Error{.message = "it was opened"} : opened.error();
  }
  void Execute(const std::string& sql) const {
    sqlite3* db = nullptr;
    ASSERT_EQ(OpenSummed(File(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  TempDir dir_;
};

TEST_F(SqliteFileTest, EverythingIsThereAfterReopening) {
  std::string cursor;
  uint64_t old_epoch = 0;
  {
    OpenJournal open(Options());
    old_epoch = open.epoch;
    Writer group("g", open.epoch);
    ASSERT_EQ(open.client->Send(group.Create("request")).kind, Kind::kCommitted);
    cursor = open.client->Watch("").value().cursor;
    ASSERT_EQ(open.client->Send(group.Tasks(10)).kind, Kind::kCommitted);
  }
  OpenJournal open(Options());
  EXPECT_GT(open.epoch, old_epoch);
  EXPECT_EQ(open.client->Read("g").value().size(), 11u);
  EXPECT_EQ(open.client->FindRequest("request").value(), "g");
  EXPECT_EQ(open.client->Watch(cursor).value().groups.at(0).records.size(), 10u);
  EXPECT_EQ(open.client->List().value().groups.at(0).last_number, 11u);
  Writer late("g", old_epoch);
  late.set_next(12);
  EXPECT_EQ(open.client->Send(late.Seal()).kind, Kind::kFenced);
}

TEST_F(SqliteFileTest, TheSameAppendAgainIsAnsweredAfterReopening) {
  std::vector<Append> sent;
  {
    OpenJournal open(Options());
    Writer group("g", open.epoch);
    sent = {group.Create("request"), group.Tasks(700), group.Seal()};
    for (const Append& append : sent) ASSERT_EQ(open.client->Send(append).kind, Kind::kCommitted);
  }
  for (int start = 0; start < 2;
       ++start) {  // by the same owner, which was cut off, and after a new one has come
    Result<std::unique_ptr<Journal>> journal = OpenSqliteJournal(Options());
    ASSERT_TRUE(journal.ok());
    Client client(*journal.value());
    if (start == 1) client.Acquire();
    for (const Append& append : sent) {
      const AppendResult result = client.Send(append);
      EXPECT_EQ(result.kind, Kind::kCommitted);
      EXPECT_EQ(result.head, append.batch->last());
    }
    EXPECT_EQ(client.Head("g").value(), 702u);
    EXPECT_EQ(client.Read("g").value().size(), 702u);
  }
}

TEST_F(SqliteFileTest, OwnershipOfSingleGroupsIsKept) {
  uint64_t first = 0;
  uint64_t second = 0;
  {
    OpenJournal open(Options());
    first = open.epoch;
    ASSERT_EQ(open.client->Send(Writer("g", first).Create()).kind, Kind::kCommitted);
    second = open.client->Acquire({"g"});
  }
  Result<std::unique_ptr<Journal>> journal = OpenSqliteJournal(Options());
  ASSERT_TRUE(journal.ok());
  Client client(*journal.value());
  Writer group("g", first);
  group.set_next(2);
  EXPECT_EQ(client.Send(group.Seal()).kind, Kind::kFenced);
  Writer owner("g", second);
  owner.set_next(2);
  EXPECT_EQ(client.Send(owner.Seal()).kind, Kind::kCommitted);
}

TEST_F(SqliteFileTest, APurgeIsFinishedAfterReopening) {
  {
    OpenJournal open(Options());
    Writer group("g", open.epoch);
    for (const Append& append :
         {group.Create(), group.Tasks(5000), group.Decide(state::Outcome::kFailed), group.Complete()}) {
      ASSERT_EQ(open.client->Send(append).kind, Kind::kCommitted);
    }
    Snapshot snapshot{.number = 5000};
    for (uint32_t i = 0; i < 5000; ++i)
      snapshot.marks.push_back({.kind = Mark::Kind::kTaskName, .key = std::to_string(i), .first = i});
    for (uint32_t i = 0; i < 100; ++i)
      snapshot.tasks.push_back({.first = i, .late = i % 2 == 1, .bytes = "b"});
    ASSERT_TRUE(open.client->PutSnapshot("g", open.epoch, snapshot).ok());
    ASSERT_TRUE(open.client->Purge("g").ok());
  }
  const auto rows = [this] {
    sqlite3* db = nullptr;
    sqlite3_stmt* statement = nullptr;
    sqlite3_open_v2(File().c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_prepare_v2(db,
                       "SELECT (SELECT count(*) FROM records) + (SELECT count(*) FROM marks) + (SELECT "
                       "count(*) FROM tasks) + "
                       "(SELECT count(*) FROM garbage)",
                       -1, &statement, nullptr);
    sqlite3_step(statement);
    const int count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  do {
    OpenJournal open(Options());
    (void)open.client->Head("g");
  } while (rows() > 0 && std::chrono::steady_clock::now() < deadline);
  EXPECT_EQ(rows(), 0);
  // A new group never gets what was left of an old one.
  OpenJournal open(Options());
  ASSERT_EQ(open.client->Send(Writer("h", open.epoch).Create()).kind, Kind::kCommitted);
  EXPECT_EQ(open.client->Read("h").value().size(), 1u);
}

// Who purges has to delete the output too, and may be killed in between.
TEST_F(SqliteFileTest, WhoseOutputMayBeLeftIsKnownUntilItIsSaid) {
  const auto finished = [](OpenJournal& open, const std::string& id) {
    Writer group(id, open.epoch);
    for (const Append& append :
         {group.Create(), group.Decide(state::Outcome::kSucceeded), group.Complete()}) {
      ASSERT_EQ(open.client->Send(append).kind, Kind::kCommitted);
    }
    ASSERT_TRUE(open.client->Purge(id, /*keeps_id=*/false).ok());
  };
  {
    OpenJournal open(Options());
    for (const char* id : {"a", "b", "c"}) finished(open, id);
    open.journal->OutputIsGone({"b"});
  }
  OpenJournal open(Options());
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (open.client->Orphans().value().size() > 2 && std::chrono::steady_clock::now() < deadline)
    open.journal->OutputIsGone({"b"});
  EXPECT_EQ(open.client->Orphans().value(), std::vector<std::string>({"a", "c"}));
}

TEST_F(SqliteFileTest, ADirectoryHasOneOwner) {
  OpenJournal open(Options());
  const Error error = Refused();
  EXPECT_EQ(error.reason, "DATA_DIR_IN_USE");
  EXPECT_NE(
      error.message.find("data directory " + Directory() + " is in use by pid " + std::to_string(getpid())),
      std::string::npos)
      << error.message;
}

TEST_F(SqliteFileTest, TheLockGoesWithTheJournal) {
  { OpenJournal open(Options()); }
  OpenJournal open(Options());
}

TEST_F(SqliteFileTest, OnlyTheOwnerMayRead) {
  OpenJournal open(Options());
  ASSERT_EQ(open.client->Send(Writer("g", open.epoch).Create()).kind, Kind::kCommitted);
  const auto mode = [](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  };
  EXPECT_EQ(mode(Directory()), 0700u);
  for (const char* name : {"/journal.db", "/journal.db-wal", "/journal.db-shm", "/lock"}) {
    EXPECT_EQ(mode(Directory() + name), 0600u) << name;
  }
}

// Also files that somebody has opened up since, or that an earlier build made so.
TEST_F(SqliteFileTest, WhatOthersMayReadIsMadePrivate) {
  { OpenJournal open(Options()); }
  std::ofstream(File() + "-wal").flush();
  const auto mode = [](const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  };
  for (const char* suffix : {"", "-wal"}) ASSERT_EQ(::chmod((File() + suffix).c_str(), 0644), 0);
  OpenJournal open(Options());
  ASSERT_EQ(open.client->Send(Writer("g", open.epoch).Create()).kind, Kind::kCommitted);
  for (const char* suffix : {"", "-wal", "-shm"}) EXPECT_EQ(mode(File() + suffix), 0600u) << suffix;
}

// After its files were put back from a copy, a journal does not know the cursors that it gave out since then.
TEST_F(SqliteFileTest, ACursorBeyondTheEndIsRefused) {
  Writer group("g", 1);
  {
    OpenJournal open(Options());
    ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
  }
  std::filesystem::copy_file(File(), File() + ".copy");
  std::string newer;
  {
    OpenJournal open(Options());
    Writer later("h", open.epoch);
    ASSERT_EQ(open.client->Send(later.Create()).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(later.Seal()).kind, Kind::kCommitted);
    newer = open.client->Watch("").value().cursor;
    EXPECT_TRUE(open.client->Watch(newer).ok());
  }
  std::filesystem::rename(File() + ".copy", File());
  OpenJournal open(Options());
  const std::string end = open.client->Watch("").value().cursor;
  EXPECT_TRUE(open.client->Watch(end).ok());
  const Error error = open.client->Watch(newer).error();
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.reason, "BAD_CURSOR");
  EXPECT_NE(error.message.find("older state"), std::string::npos) << error.message;
}

// However many rows of purged groups are still to be deleted, a read of the others is not held up by all of
// them.
TEST_F(SqliteFileTest, AWatchPassesOverPurgedGroupsInPieces) {
  {
    OpenJournal open(Options());
    ASSERT_EQ(open.client->Send(Writer("g", open.epoch).Create()).kind, Kind::kCommitted);
  }
  Execute(
      "INSERT INTO records WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25000) "
      "SELECT i + 100, 99, i, i, 1, 1, x'00', 0 FROM n");
  OpenJournal open(Options());
  ASSERT_EQ(open.client->Send(Writer("h", open.epoch).Create()).kind, Kind::kCommitted);
  std::vector<std::string> pages;
  std::string cursor;
  for (bool more = true; more;) {
    const WatchPage page = open.client->Watch(cursor).value();
    std::string groups;
    for (const WatchedRecords& watched : page.groups) groups += watched.group->id;
    pages.push_back(groups);
    cursor = page.cursor;
    more = page.more;
  }
  EXPECT_EQ(pages, std::vector<std::string>({"g", "", "h"}));
}

// The bytes of what is purged do not stay in free pages, whatever SQLite was compiled with.
TEST_F(SqliteFileTest, WhatIsPurgedIsErased) {
  const std::string secret = "the secret of a group that is purged";
  {
    OpenJournal open(Options());
    Writer group("g", open.epoch);
    for (const Append& append : {group.Create(), group.Tasks(100, secret),
                                 group.Decide(state::Outcome::kFailed), group.Complete()}) {
      ASSERT_EQ(open.client->Send(append).kind, Kind::kCommitted);
    }
  }
  const auto holds = [&] {
    std::ifstream in(File(), std::ios::binary);
    return std::string((std::istreambuf_iterator<char>(in)), {}).find(secret) != std::string::npos;
  };
  EXPECT_TRUE(holds());
  {
    OpenJournal open(Options());
    ASSERT_TRUE(open.client->Purge("g").ok());
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (holds() && std::chrono::steady_clock::now() < deadline) {
    OpenJournal open(Options());
    (void)open.client->Head("g");
  }
  EXPECT_FALSE(holds());
}

TEST_F(SqliteFileTest, AnotherDatabaseIsRefused) {
  ASSERT_TRUE(MakeDirectories(Directory(), 0700));
  Execute("CREATE TABLE photos(id)");
  EXPECT_EQ(Refused().reason, "JOURNAL_CORRUPT");
  EXPECT_NE(Refused().message.find("is not a covey journal"), std::string::npos);
}

TEST_F(SqliteFileTest, AFileThatIsNoDatabaseIsRefused) {
  ASSERT_TRUE(MakeDirectories(Directory(), 0700));
  std::ofstream(File()) << std::string(10'000, 'x');
  EXPECT_EQ(Refused().reason, "JOURNAL_CORRUPT") << Refused().message;
  EXPECT_NE(Refused().message.find(File()), std::string::npos) << Refused().message;
}

TEST_F(SqliteFileTest, ADamagedDatabaseIsAnErrorWhereverTheDamageIs) {
  {
    OpenJournal open(Options());
    Writer group("g", open.epoch);
    ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
    for (int i = 0; i < 50; ++i) ASSERT_EQ(open.client->Send(group.Tasks(20)).kind, Kind::kCommitted);
  }
  std::ifstream in(File(), std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(good.size(), 40'000u);
  for (size_t page = 0; page < good.size() / 4096; ++page) {
    std::string bad = good;
    for (size_t i = 0; i < 4096; i += 3) bad[page * 4096 + i] ^= 0x5A;
    std::ofstream(File(), std::ios::binary) << bad;
    Result<std::unique_ptr<Journal>> opened = OpenSqliteJournal(Options());
    if (!opened.ok()) {
      EXPECT_FALSE(opened.error().message.empty());
      continue;
    }
    Client client(*opened.value());
    const auto records = client.Read("g");
    const auto found = client.Find("g");
    if (!records.ok()) {
      EXPECT_EQ(records.error().code, ErrorCode::kDataLoss) << records.error().message;
    }
    if (!found.ok()) {
      EXPECT_FALSE(found.error().message.empty());
    }
  }
}

TEST_F(SqliteFileTest, AnUnusableDirectoryIsNamed) {
  std::ofstream(dir_.path() + "/state") << "a file";
  EXPECT_EQ(Refused().reason, "DATA_DIR_UNUSABLE");
  EXPECT_NE(Refused().message.find(Directory()), std::string::npos) << Refused().message;
}

}  // namespace
}  // namespace covey
