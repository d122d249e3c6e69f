#include <gtest/gtest.h>
#include <sqlite3.h>

#include <map>

#include "server/journal/sql.h"
#include "tests/server/journal/fault_vfs.h"
#include "tests/server/journal/sqlite_support.h"
#include "tests/server/journal/version_2.h"
#include "tests/server/journal/version_3.h"

// Journals of earlier versions are brought up to date; those of later ones are refused. journal_crash_test
// kills the daemon meanwhile.
namespace covey {
namespace {

using Kind = AppendResult::Kind;
using Lines = std::vector<std::string>;

const std::string kNow = std::to_string(sql::kSchemaVersion);

class SqliteMigrateTest : public ::testing::Test {
 protected:
  SqliteJournalOptions Options() {
    return {.directory = dir_.path(), .log = [this](const std::string& line) { log_.push_back(line); }};
  }
  std::string File() const { return dir_.path() + "/journal.db"; }
  Error Refused() {
    Result<std::unique_ptr<Journal>> opened = OpenSqliteJournal(Options());
    return opened.ok() ? Error{.message = "it was opened"} : opened.error();
  }

  TempDir dir_;
  Lines log_;
};

// What a query answers, a line a row.
Lines Query(const std::string& file, const std::string& sql) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open_v2(file.c_str(), &db, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  Lines lines;
  while (sqlite3_step(statement) == SQLITE_ROW) {
    std::string line;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
      line += std::string(text != nullptr ? text : "NULL") + "|";
    }
    lines.push_back(line);
  }
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return lines;
}

void Execute(const std::string& file, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(OpenSummed(file, &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

TEST_F(SqliteMigrateTest, AllThatVersion2HeldIsThere) {
  MakeVersion2(dir_.path());
  OpenJournal open(Options());
  EXPECT_EQ(open.epoch, 9u) << "no epoch is granted twice";
  const GroupPage page = open.client->List().value();
  EXPECT_TRUE(page.damaged.empty());
  ASSERT_EQ(page.groups.size(), 10u);
  for (size_t i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    const GroupSummary& listed = page.groups[9 - i];
    EXPECT_EQ(listed.spec->id, "g" + n);
    EXPECT_EQ(listed.spec->name, "group " + n);
    EXPECT_EQ(listed.last_number, 601u);
    EXPECT_EQ(listed.state.completed, i < 5);
    if (i < 5) {
      EXPECT_EQ(listed.failure->message, "failure " + n);
    }
    EXPECT_EQ(open.client->List({.labels = {{"k", "v" + n}}}).value().groups.at(0).spec->id, "g" + n);
    EXPECT_EQ(open.client->List({.name_prefix = "group " + n}).value().groups.at(0).spec->id, "g" + n);
    EXPECT_EQ(open.client->FindRequest("r" + n).value(), "g" + n);
    const std::vector<Record> records = open.client->Read("g" + n).value();
    ASSERT_EQ(records.size(), 601u);
    EXPECT_EQ(std::get<FunctionSpec>(records[600].task->work).payload.bytes, "payload " + n);
  }
  EXPECT_EQ(open.client->List({.phases = {GroupPhase::kFailed}}).value().groups.size(), 5u);
  EXPECT_EQ(open.client->FindRequest("r-gone").value(), "gone");
  EXPECT_EQ(open.client->Pools().value(), std::vector<StoredPool>({{.name = "p", .max = 3}}));
  EXPECT_EQ(open.client->Send(Writer("gone", open.epoch).Create()).kind, Kind::kDuplicate)
      << "still remembered";

  Writer group("g7", open.epoch);
  group.set_next(602);
  EXPECT_EQ(open.client->Send(group.Seal()).kind, Kind::kCommitted);
  ASSERT_TRUE(open.client->Purge("g3").ok());
  EXPECT_TRUE(open.client->Read("g3").value().empty());
  EXPECT_EQ(open.client->Send(Writer("new", open.epoch).Create("r-new")).kind, Kind::kCommitted);
  size_t seen = 0;
  std::string cursor;
  for (bool more = true; more;) {
    const WatchPage watched = open.client->Watch(cursor, 100).value();
    for (const WatchedRecords& each : watched.groups) seen += each.records.size();
    cursor = watched.cursor;
    more = watched.more;
  }
  EXPECT_EQ(seen, 9u * 601 + 2) << "all but what was purged";
}

// What nobody has purged so far does not go at the first start.
TEST_F(SqliteMigrateTest, NothingIsPurgedForAWeek) {
  MakeVersion2(dir_.path());
  WallTime now = Writer::At(0);
  SqliteJournalOptions options = Options();
  options.now = [&now] { return now; };
  for (int start = 0; start < 2; ++start) {  // from the first start on
    OpenJournal open(options);
    EXPECT_EQ(open.journal->usage().purges_from, Writer::At(0) + std::chrono::hours(7 * 24));
    now += std::chrono::hours(24);
  }
  TempDir other;
  OpenJournal fresh({.directory = other.path()});
  EXPECT_EQ(fresh.journal->usage().purges_from, WallTime());
}

TEST_F(SqliteMigrateTest, WhatIsOverIsKnown) {
  MakeVersion2(dir_.path());
  OpenJournal open(Options());
  const JournalUsage usage = open.journal->usage();
  EXPECT_EQ(usage.ended_groups, 5u);
  EXPECT_GT(usage.ended_bytes, 5u * 600 * 10);
  EXPECT_TRUE(open.client->Oldest(false).value().groups.empty());
  const EndedPage failed = open.client->Oldest(true).value();
  ASSERT_EQ(failed.groups.size(), 5u);
  for (const EndedGroup& group : failed.groups) {
    EXPECT_EQ(group.phase, GroupPhase::kFailed);
    EXPECT_EQ(group.ended, open.client->Find(group.id).value().completed);
  }
  ASSERT_TRUE(open.client->Purge("g3").ok());
  EXPECT_EQ(open.client->Oldest(true).value().groups.size(), 4u);
  EXPECT_EQ(open.journal->usage().ended_groups, 4u);
}

// Version 3 did not know what was over, and nothing was purged.
TEST_F(SqliteMigrateTest, OfVersion3WhatIsOverIsFoundToo) {
  {
    OpenJournal open(Options());
    Writer group("g", open.epoch);
    for (const Append& append : {group.Create(), group.Decide(state::Outcome::kFailed), group.Complete()})
      ASSERT_EQ(open.client->Send(append).kind, Kind::kCommitted);
  }
  Execute(File(),
          "DROP TABLE marks; DROP TABLE tasks; DROP TABLE orphans; DROP TABLE ended; DELETE FROM meta WHERE "
          "key = 'purges_from';"
          "PRAGMA user_version = 3");
  SqliteJournalOptions options = Options();
  options.now = [] { return Writer::At(0); };
  OpenJournal open(options);
  EXPECT_EQ(log_.size(), 1u);
  EXPECT_EQ(open.journal->usage().ended_groups, 1u);
  EXPECT_EQ(open.journal->usage().purges_from, Writer::At(0) + std::chrono::hours(7 * 24));
  EXPECT_EQ(open.client->Oldest(true).value().groups.at(0).id, "g");
}

TEST_F(SqliteMigrateTest, OwnersOfSingleGroupsAreKept) {
  MakeVersion2(dir_.path());
  Result<std::unique_ptr<Journal>> journal = OpenSqliteJournal(Options());
  ASSERT_TRUE(journal.ok());
  Client client(*journal.value());
  for (const auto& [group, epoch, kind] :
       {std::tuple("g9", 7u, Kind::kFenced), std::tuple("g9", 8u, Kind::kCommitted),
        std::tuple("g8", 7u, Kind::kCommitted)}) {
    Writer writer(group, epoch);
    writer.set_next(602);
    EXPECT_EQ(client.Send(writer.Seal()).kind, kind) << group << " " << epoch;
  }
}

TEST_F(SqliteMigrateTest, ItIsSaidOnce) {
  MakeVersion2(dir_.path());
  for (int start = 0; start < 3; ++start) {
    OpenJournal open(Options());
    EXPECT_EQ(open.client->Head("g0").value(), 601u);
  }
  EXPECT_EQ(log_, Lines({File() + ": the journal was migrated from version 2 to version " + kNow}));
}

TEST_F(SqliteMigrateTest, OfANewJournalNothingIsSaid) {
  { OpenJournal open(Options()); }
  { OpenJournal open(Options()); }
  EXPECT_EQ(log_, Lines());
}

TEST_F(SqliteMigrateTest, Version1BecomesTheNewestInOneGo) {
  MakeVersion2(dir_.path());
  Execute(File(), "DROP TABLE pools; PRAGMA user_version = 1");
  OpenJournal open(Options());
  EXPECT_EQ(log_, Lines({File() + ": the journal was migrated from version 1 to version " + kNow}));
  EXPECT_EQ(open.client->Read("g0").value().size(), 601u);
  EXPECT_TRUE(open.client->Pools().value().empty());
  EXPECT_TRUE(open.client->PutPool({.name = "p", .max = 1}).ok());
}

// The last one that purged nothing and summed no pages.
TEST_F(SqliteMigrateTest, Version3LearnsWhatIsOverAndPurgesNothingForAWeek) {
  SqliteJournalOptions options = Options();
  options.now = [] { return Writer::At(0); };
  {
    OpenJournal open(options);
    for (const char* id : {"over", "open", "purged"}) {
      Writer group(id, open.epoch);
      ASSERT_EQ(open.client->Send(group.Create("r-" + std::string(id))).kind, Kind::kCommitted);
      ASSERT_EQ(open.client->Send(group.Tasks(100, "payload")).kind, Kind::kCommitted);
      if (group.spec().id == "open") continue;
      ASSERT_EQ(open.client->Send(group.Decide(state::Outcome::kSucceeded)).kind, Kind::kCommitted);
      group.summary().completed = Writer::At(7);
      ASSERT_EQ(open.client->Send(group.Complete()).kind, Kind::kCommitted);
    }
    ASSERT_TRUE(open.client->Purge("purged").ok());
  }
  MakeVersion3(dir_.path());
  OpenJournal open(options);
  EXPECT_EQ(log_, Lines({File() + ": the journal was migrated from version 3 to version " + kNow}));
  EXPECT_EQ(open.client->Read("over").value().size(), 103u);
  EXPECT_EQ(open.client->Read("open").value().size(), 101u);
  EXPECT_EQ(open.client->FindRequest("r-purged").value(), "purged");
  const JournalUsage usage = open.journal->usage();
  EXPECT_EQ(usage.ended_groups, 1u);
  EXPECT_GT(usage.ended_bytes, 100u * 7);
  EXPECT_EQ(usage.purges_from, Writer::At(0) + std::chrono::hours(7 * 24));
  const EndedPage ended = open.client->Oldest(false).value();
  ASSERT_EQ(ended.groups.size(), 1u);
  EXPECT_EQ(ended.groups[0].id, "over");
  EXPECT_EQ(ended.groups[0].ended, Writer::At(7));
  EXPECT_TRUE(open.client->Purge("over").ok());
}

// The last one that kept no marks; its pages are summed already.
TEST_F(SqliteMigrateTest, Version5LearnsToKeepMarks) {
  {
    OpenJournal open(Options());
    Writer group("g", open.epoch);
    ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(group.Tasks(100)).kind, Kind::kCommitted);
  }
  sqlite3* db = nullptr;
  ASSERT_EQ(OpenSummed(File(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, "DROP TABLE marks; DROP TABLE tasks; PRAGMA user_version = 5", nullptr, nullptr,
                         nullptr),
            SQLITE_OK);
  sqlite3_close(db);
  OpenJournal open(Options());
  EXPECT_EQ(log_, Lines({File() + ": the journal was migrated from version 5 to version " + kNow}));
  EXPECT_EQ(open.client->Read("g").value().size(), 101u);
  const Mark mark{.kind = Mark::Kind::kTaskName, .key = "a", .first = 3};
  ASSERT_TRUE(open.client->PutSnapshot("g", open.epoch, {.number = 5, .marks = {mark}}).ok());
  EXPECT_EQ(open.client->FindMarks("g", {mark}).value(), std::vector<Mark>({mark}));
}

TEST_F(SqliteMigrateTest, AMigratedJournalIsLikeANewOne) {
  MakeVersion2(dir_.path());
  { OpenJournal open(Options()); }
  TempDir other;
  { OpenJournal open({.directory = other.path()}); }
  const std::string tables =
      "SELECT m.type, m.name, m.tbl_name, c.* FROM sqlite_schema m LEFT JOIN pragma_table_xinfo(m.name) c "
      "ORDER BY m.name, c.cid";
  const std::string indexes =
      "SELECT m.name, i.name, i.\"unique\", i.partial, x.seqno, x.name FROM sqlite_schema m, "
      "pragma_index_list(m.name) i, pragma_index_info(i.name) x WHERE m.type = 'table' ORDER BY 1, 2, 5";
  for (const std::string& sql :
       {tables, indexes, std::string("PRAGMA user_version"), std::string("SELECT * FROM namespaces"),
        std::string("SELECT key FROM meta"), std::string("PRAGMA auto_vacuum")}) {
    EXPECT_EQ(Query(File(), sql), Query(other.path() + "/journal.db", sql)) << sql;
  }
}

TEST_F(SqliteMigrateTest, ALaterVersionIsRefusedAndBothAreNamed) {
  { OpenJournal open(Options()); }
  Execute(File(), "PRAGMA user_version = 7");
  const Error error = Refused();
  EXPECT_EQ(error.reason, "JOURNAL_TOO_NEW");
  EXPECT_EQ(error.code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(error.message.find("version 7"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("versions 1 to " + std::to_string(sql::kSchemaVersion)), std::string::npos)
      << error.message;
  EXPECT_EQ(Query(File(), "PRAGMA user_version"), Lines({"7|"})) << "and left alone";
}

// 39252c8 looks at user_version, and refuses what is above 2 with "was written by a newer covey (schema 3;
// this one knows up to 2)".
TEST_F(SqliteMigrateTest, TheVersionIsWhereEarlierBuildsLookForIt) {
  MakeVersion2(dir_.path());
  { OpenJournal open(Options()); }
  EXPECT_EQ(Query(File(), "PRAGMA user_version"), Lines({kNow + "|"}));
  EXPECT_EQ(Query(File(), "PRAGMA application_id"), Lines({std::to_string(sql::kApplicationId) + "|"}));
}

TEST_F(SqliteMigrateTest, WithoutRoomItStaysAsItWas) {
  MakeVersion2(dir_.path());
  SqliteJournalOptions options = Options();
  FaultVfs faults;
  options.vfs = FaultVfs::kName;
  for (const auto fault : {&FaultVfs::full_writes, &FaultVfs::fail_writes}) {
    faults.*fault = 1;
    const Result<std::unique_ptr<Journal>> refused = OpenSqliteJournal(options);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("could not be migrated from version 2 to version " + kNow),
              std::string::npos)
        << refused.error().message;
    faults.*fault = 0;
  }
  EXPECT_EQ(log_, Lines());
  OpenJournal open(options);
  EXPECT_EQ(log_.size(), 1u);
  EXPECT_EQ(open.client->Read("g4").value().size(), 601u);
}

// Room for namespaces: ids, request ids and pools are unique in one of them only.
TEST_F(SqliteMigrateTest, TwoNamespacesMayUseTheSameIds) {
  {
    OpenJournal open(Options());
    ASSERT_EQ(open.client->Send(Writer("g", open.epoch).Create("request")).kind, Kind::kCommitted);
    ASSERT_TRUE(open.client->PutPool({.name = "p", .max = 1}).ok());
  }
  Execute(
      File(),
      "INSERT INTO namespaces VALUES(2, 'other');"
      "INSERT INTO groups SELECT 100, 2, id, name, created, phase, head, request, spec, spec_sum, summary, "
      "summary_sum FROM groups;"
      "INSERT INTO requests SELECT 2, id, 'h', expires FROM requests;"
      "INSERT INTO pools SELECT 2, name, 9, closing FROM pools");
  OpenJournal open(Options());
  EXPECT_EQ(open.client->List().value().groups.size(), 1u) << "of the default namespace";
  EXPECT_EQ(open.client->FindRequest("request").value(), "g");
  EXPECT_EQ(open.client->Pools().value(), std::vector<StoredPool>({{.name = "p", .max = 1}}));
}

}  // namespace
}  // namespace covey
