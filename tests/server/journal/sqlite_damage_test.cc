#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>
#include <random>

#include "tests/server/journal/sqlite_support.h"

// Bits that change in what is stored, and rows that change places: reads of the group say that it is damaged,
// those of the others go on.
namespace covey {
namespace {

constexpr int kFlips = 10'000;

// A second connection, which writes what it likes, in pages that are sound.
class Vandal {
 public:
  explicit Vandal(const std::string& directory) {
    EXPECT_EQ(OpenSummed(directory + "/journal.db", &db_), SQLITE_OK);
    Execute("PRAGMA synchronous = OFF");
  }
  ~Vandal() { sqlite3_close(db_); }

  void Execute(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db_);
  }
  std::string Get(const std::string& column) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db_, ("SELECT " + column).c_str(), -1, &statement, nullptr);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW) << sqlite3_errmsg(db_);
    std::string bytes(static_cast<const char*>(sqlite3_column_blob(statement, 0)),
                      static_cast<size_t>(sqlite3_column_bytes(statement, 0)));
    sqlite3_finalize(statement);
    return bytes;
  }
  void Set(const std::string& update, const std::string& bytes) {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db_, update.c_str(), -1, &statement, nullptr);
    sqlite3_bind_blob(statement, 1, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_DONE) << sqlite3_errmsg(db_);
    sqlite3_finalize(statement);
  }

 private:
  sqlite3* db_ = nullptr;
};

class SqliteDamageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* id : {"g", "h"}) {
      Writer group(id, open_.epoch);
      group.spec().labels = {{"k", "v"}};
      for (const Append& append : {group.Create(), group.Tasks(3, "payload"), group.Seal()})
        ASSERT_EQ(open_.client->Send(append).kind, AppendResult::Kind::kCommitted);
      ASSERT_TRUE(
          open_.client
              ->PutSnapshot(id, open_.epoch, {.number = 4, .bytes = "a snapshot of " + std::string(id)})
              .ok());
    }
  }

  template <typename T>
  static void ExpectDamaged(const Result<T>& result) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kDataLoss) << result.error().message;
    EXPECT_EQ(result.error().reason, "JOURNAL_DAMAGED");
    EXPECT_NE(result.error().message.find("group g"), std::string::npos) << result.error().message;
  }
  // What is whole is told, up to event `last`; what follows is not.
  void ExpectDamagedBehind(uint64_t last) {
    const auto whole = open_.client->Read("g");
    ASSERT_TRUE(whole.ok());
    ASSERT_EQ(whole.value().size(), last);
    EXPECT_EQ(whole.value().back().number, last);
    ExpectDamaged(open_.client->Read("g", last + 1));
  }
  void ExpectSound(const std::string& group) {
    EXPECT_EQ(open_.client->Read(group).value().size(), 5u);
    EXPECT_EQ(open_.client->Find(group).value().last_number, 5u);
    EXPECT_EQ(open_.client->ReadSnapshot(group).value()->bytes, "a snapshot of " + group);
  }
  // Changes some bits of a stored value, up to all of its bytes, cuts or lengthens it, and looks with
  // `check`.
  void Flip(const std::string& column, const std::string& update, const std::function<void()>& check) {
    const std::string good = vandal_.Get(column);
    std::mt19937_64 random(7);
    for (int i = 0; i < kFlips && !HasFailure(); ++i) {
      std::string bad = good;
      const uint64_t shape = random() % 8;
      if (shape == 0) bad.resize(random() % bad.size());
      if (shape == 1) bad += static_cast<char>(random());
      for (uint64_t flips = shape == 2 ? bad.size() * 4 : 1 + random() % 3; !bad.empty() && flips > 0;
           --flips) {
        char& c = bad[random() % bad.size()];
        c = static_cast<char>(c ^ (1 << random() % 8));
      }
      if (bad == good) continue;
      vandal_.Set(update, bad);
      check();
    }
    vandal_.Set(update, good);
    ExpectSound("g");
    ExpectSound("h");
  }

  TempDir dir_;
  OpenJournal open_{{.directory = dir_.path(), .durability = Durability::kNone}};
  Vandal vandal_{dir_.path()};
};

TEST_F(SqliteDamageTest, NoFlipInARecordPasses) {
  Flip("data FROM records WHERE gid = 1 AND first = 2",
       "UPDATE records SET data = ?1 WHERE gid = 1 AND first = 2", [this] { ExpectDamagedBehind(1); });
}

TEST_F(SqliteDamageTest, NoFlipInASpecPasses) {
  Flip("spec FROM groups WHERE gid = 1", "UPDATE groups SET spec = ?1 WHERE gid = 1",
       [this] { ExpectDamaged(open_.client->Find("g")); });
}

TEST_F(SqliteDamageTest, NoFlipInASummaryPasses) {
  Flip("summary FROM groups WHERE gid = 1", "UPDATE groups SET summary = ?1 WHERE gid = 1",
       [this] { ExpectDamaged(open_.client->Find("g")); });
}

TEST_F(SqliteDamageTest, NoFlipInASnapshotPasses) {
  Flip("data FROM snapshots WHERE gid = 1", "UPDATE snapshots SET data = ?1 WHERE gid = 1",
       [this] { ExpectDamaged(open_.client->ReadSnapshot("g")); });
}

// In the pages of indexes, whose rows have no checksums of their own.
TEST_F(SqliteDamageTest, ABitThatFlipsInTheLogIsPutRight) {
  constexpr char kLeafOfIndex = 10;
  constexpr size_t kLogHead = 32;
  constexpr size_t kFrameHead = 24;
  constexpr size_t kPage = 4096;
  const std::string name = "name-to-find";
  Writer group("found", open_.epoch);
  group.spec().name = name;
  ASSERT_EQ(open_.client->Send(group.Create()).kind, AppendResult::Kind::kCommitted);
  std::fstream log(dir_.path() + "/journal.db-wal", std::ios::in | std::ios::out | std::ios::binary);
  int flipped = 0;
  std::string page(kPage, '\0');
  for (size_t at = kLogHead + kFrameHead; log.seekg(static_cast<std::streamoff>(at)).read(page.data(), kPage);
       at += kFrameHead + kPage) {
    const size_t place = page[0] == kLeafOfIndex ? page.find(name) : std::string::npos;
    if (place == std::string::npos) continue;
    log.seekp(static_cast<std::streamoff>(at + place)).put(static_cast<char>(name[0] ^ 1)).flush();
    ++flipped;
  }
  ASSERT_GT(flipped, 0);
  Vandal reader(dir_.path());
  EXPECT_EQ(reader.Get("id FROM groups INDEXED BY groups_name WHERE ns = 1 AND name = '" + name + "'"),
            "found");
}

TEST_F(SqliteDamageTest, ADamagedGroupCanBeDeleted) {
  const auto damaged = {
      "UPDATE groups SET spec = x'00' WHERE id = 'g'", "UPDATE groups SET summary = x'00' WHERE id = 'g'",
      "UPDATE records SET data = x'00' WHERE gid = (SELECT gid FROM groups WHERE id = 'g') AND first = 2",
      "DELETE FROM records WHERE gid = (SELECT gid FROM groups WHERE id = 'g') AND first = 2"};
  EXPECT_EQ(open_.client->Purge("g").error().code, ErrorCode::kFailedPrecondition)
      << "it is sound, and not over";
  for (const char* damage : damaged) {
    vandal_.Execute(damage);
    const auto purged = open_.client->Purge("g", /*keeps_id=*/false);
    ASSERT_TRUE(purged.ok()) << damage << ": " << purged.error().message;
    EXPECT_EQ(open_.client->Find("g").error().code, ErrorCode::kNotFound);
    const GroupPage page = open_.client->List({.labels = {{"k", "v"}}}).value();
    EXPECT_EQ(page.groups.size(), 1u);
    EXPECT_TRUE(page.damaged.empty()) << damage;
    EXPECT_TRUE(open_.client->Watch("").value().damaged.empty());
    Writer group("g", open_.epoch);
    group.spec().labels = {{"k", "v"}};
    for (const Append& append : {group.Create(), group.Tasks(3, "payload"), group.Seal()})
      ASSERT_EQ(open_.client->Send(append).kind, AppendResult::Kind::kCommitted) << damage;
    EXPECT_EQ(open_.client->Read("g").value().size(), 5u);
  }
  ExpectSound("h");
}

TEST_F(SqliteDamageTest, ADamagedGroupSpoilsNoList) {
  const std::string good = vandal_.Get("summary FROM groups WHERE gid = 1");
  vandal_.Set("UPDATE groups SET summary = ?1 WHERE gid = 1", good + "x");
  for (const GroupFilter& filter :
       {GroupFilter{}, GroupFilter{.labels = {{"k", "v"}}}, GroupFilter{.phases = {GroupPhase::kRunning}}}) {
    const GroupPage page = open_.client->List(filter).value();
    ASSERT_EQ(page.groups.size(), 1u);
    EXPECT_EQ(page.groups[0].spec->id, "h");
    ASSERT_EQ(page.damaged.size(), 1u);
    EXPECT_EQ(page.damaged[0].group, "g");
    EXPECT_EQ(page.damaged[0].error.code, ErrorCode::kDataLoss);
  }
  EXPECT_EQ(open_.client->Read("g").value().size(), 5u) << "the events are sound";
}

TEST_F(SqliteDamageTest, RowsThatChangedPlacesAreFound) {
  const auto swap = [this](const std::string& table, const std::string& columns, const std::string& key,
                           const std::string& a, const std::string& b) {
    vandal_.Execute("CREATE TEMP TABLE kept AS SELECT * FROM " + table + "; UPDATE " + table + " SET (" +
                    columns + ") = (SELECT " + columns + " FROM kept WHERE kept." + key + " = CASE " + table +
                    "." + key + " WHEN " + a + " THEN " + b + " ELSE " + a + " END) WHERE " + key + " IN (" +
                    a + ", " + b + "); DROP TABLE kept");
  };
  // Of two groups; seq 2 and 5 are events 2 to 4 of each.
  swap("records", "data, data_sum", "seq", "2", "5");
  ExpectDamagedBehind(1);
  EXPECT_EQ(open_.client->Read("h", 2).error().code, ErrorCode::kDataLoss);
  // A stream over all groups goes on, and says what it leaves out.
  const WatchPage page = open_.client->Watch("").value();
  std::vector<std::pair<std::string, uint64_t>> told;
  for (const WatchedRecords& each : page.groups) {
    for (const Record& record : each.records) told.emplace_back(each.group->id, record.number);
  }
  EXPECT_EQ(told, (std::vector<std::pair<std::string, uint64_t>>{{"g", 1}, {"g", 5}, {"h", 1}, {"h", 5}}));
  ASSERT_EQ(page.damaged.size(), 2u);
  EXPECT_EQ(page.damaged[0].group, "g");
  EXPECT_EQ(page.damaged[0].error.code, ErrorCode::kDataLoss);
  EXPECT_EQ(page.damaged[1].group, "h");
  EXPECT_TRUE(open_.client->Watch(page.cursor).value().groups.empty());
  swap("records", "data, data_sum", "seq", "2", "5");
  // Of one group: events 1 and 5.
  swap("records", "data, data_sum", "seq", "1", "3");
  ExpectDamaged(open_.client->Read("g"));
  swap("records", "data, data_sum", "seq", "1", "3");
  // The whole row, under the gid of the other.
  vandal_.Execute("UPDATE records SET gid = 3 - gid WHERE seq IN (2, 5) AND 0; DROP INDEX records_group");
  vandal_.Execute("UPDATE records SET gid = 3 - gid WHERE seq IN (2, 5)");
  vandal_.Execute("CREATE UNIQUE INDEX records_group ON records(gid, last)");
  ExpectDamagedBehind(1);
  vandal_.Execute("DROP INDEX records_group; UPDATE records SET gid = 3 - gid WHERE seq IN (2, 5)");
  vandal_.Execute("CREATE UNIQUE INDEX records_group ON records(gid, last)");
  swap("groups", "spec, spec_sum", "gid", "1", "2");
  ExpectDamaged(open_.client->Find("g"));
  swap("groups", "spec, spec_sum", "gid", "1", "2");
  swap("groups", "head, summary, summary_sum", "gid", "1", "2");
  ExpectDamaged(open_.client->Find("g"));
  swap("groups", "head, summary, summary_sum", "gid", "1", "2");
  swap("snapshots", "data, data_sum", "gid", "1", "2");
  ExpectDamaged(open_.client->ReadSnapshot("g"));
  swap("snapshots", "data, data_sum", "gid", "1", "2");
  ExpectSound("g");
  ExpectSound("h");
}

TEST_F(SqliteDamageTest, ARowThatIsMissingIsFound) {
  vandal_.Execute("DELETE FROM records WHERE gid = 1 AND first = 2");
  ExpectDamagedBehind(1);
  ExpectDamaged(open_.client->Read("g", 3));
  EXPECT_NE(open_.client->Read("g", 3).error().message.find("events 3 to 4"), std::string::npos);
  EXPECT_EQ(open_.client->Read("g", 5).value().size(), 1u);
}

TEST_F(SqliteDamageTest, NumbersThatDoNotFitTheRecordsAreFound) {
  vandal_.Execute("UPDATE records SET last = 9 WHERE gid = 1 AND first = 5");
  ExpectDamagedBehind(4);
  vandal_.Execute("UPDATE records SET last = 5 WHERE gid = 1 AND first = 5");
  vandal_.Execute("UPDATE groups SET head = 3 WHERE gid = 1");
  ExpectDamaged(open_.client->Find("g"));
  vandal_.Execute("UPDATE snapshots SET number = 3 WHERE gid = 1");
  ExpectDamaged(open_.client->ReadSnapshot("g"));
}

TEST_F(SqliteDamageTest, AGroupWithoutItsRowIsFound) {
  vandal_.Execute("DELETE FROM groups WHERE gid = 1");
  const GroupPage page = open_.client->List({.labels = {{"k", "v"}}}).value();
  EXPECT_EQ(page.groups.size(), 1u);
  EXPECT_EQ(page.damaged.size(), 1u);
}

}  // namespace
}  // namespace covey
