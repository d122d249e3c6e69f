#include <gtest/gtest.h>
#include <sqlite3.h>

#include <set>

#include "server/journal/sql.h"
#include "tests/server/journal/sqlite_support.h"

// Section 5 of the design: 10^5 finished groups are listed by page without a scan.
namespace covey {
namespace {

class Plans {
 public:
  explicit Plans(const std::string& path) {
    EXPECT_EQ(sqlite3_open_v2(path.c_str(), &db_, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  }
  ~Plans() { sqlite3_close(db_); }

  std::string Of(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const std::string explain = "EXPLAIN QUERY PLAN " + std::string(sql);
    EXPECT_EQ(sqlite3_prepare_v2(db_, explain.c_str(), -1, &statement, nullptr), SQLITE_OK) << sql;
    std::string plan;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      plan += reinterpret_cast<const char*>(sqlite3_column_text(statement, 3));
      plan += '\n';
    }
    sqlite3_finalize(statement);
    return plan;
  }

 private:
  sqlite3* db_ = nullptr;
};

void ExpectNoScans(const std::string& directory) {
  Plans plans(directory + "/journal.db");
  for (const std::string_view sql : sql::kStatements) {
    const std::string plan = plans.Of(sql);
    EXPECT_EQ(plan.find("SCAN"), std::string::npos) << sql << "\n" << plan;
    if (sql == sql::kListId) {
      EXPECT_NE(plan.find("id>? AND id<?"), std::string::npos) << plan;
    } else if (sql != sql::kListName) {
      EXPECT_EQ(plan.find("TEMP B-TREE"), std::string::npos) << sql << "\n" << plan;
    }
  }
}

TEST(SqlitePlan, NoStatementScansATable) {
  TempDir dir;
  OpenJournal open({.directory = dir.path()});
  ExpectNoScans(dir.path());
}

TEST(SqlitePlan, AHundredThousandGroupsAreListedByPage) {
  constexpr int kGroups = 100'000;
  TempDir dir;
  OpenJournal open({.directory = dir.path(), .durability = Durability::kNone});
  std::atomic<int> left = kGroups;
  std::promise<void> all;
  for (int i = 0; i < kGroups; ++i) {
    Writer writer("g" + std::to_string(i), open.epoch);
    writer.spec().name = i % 1000 == 0 ? "rare/" + std::to_string(i) : "common/" + std::to_string(i);
    writer.spec().labels = {{"kind", i % 500 == 0 ? "rare" : "common"}};
    writer.summary().created = Writer::At(i);
    writer.summary().state.decided = writer.summary().state.completed = i % 100 != 0;
    writer.summary().state.outcome = i % 3 == 0 ? state::Outcome::kFailed : state::Outcome::kSucceeded;
    open.journal->AppendAsync(writer.Create(), [&](AppendResult result) {
      EXPECT_EQ(result.kind, AppendResult::Kind::kCommitted);
      if (--left == 0) all.set_value();
    });
  }
  all.get_future().wait();
  ExpectNoScans(dir.path());

  const auto count = [&](const GroupFilter& filter) {
    std::set<std::string> ids;
    std::string token;
    WallTime last = WallTime::max();
    do {
      const GroupPage page = open.client->List(filter, 1000, token).value();
      for (const GroupSummary& group : page.groups) {
        EXPECT_LE(group.created, last);
        last = group.created;
        EXPECT_TRUE(ids.insert(group.spec->id).second) << "listed twice";
      }
      token = page.next;
    } while (!token.empty());
    return ids.size();
  };
  EXPECT_EQ(count({}), 100'000u);
  EXPECT_EQ(count({.phases = {GroupPhase::kRunning, GroupPhase::kStopping}}), 1000u);
  EXPECT_EQ(count({.phases = {GroupPhase::kFailed, GroupPhase::kSucceeded}}), 99'000u);
  EXPECT_EQ(count({.labels = {{"kind", "rare"}}}), 200u);
  EXPECT_EQ(count({.name_prefix = "rare/"}), 100u);
  EXPECT_EQ(count({.name_prefix = "common/"}), 99'900u);
  EXPECT_EQ(count({.created_from = Writer::At(50'000)}), 50'000u);
  EXPECT_EQ(count({.id_prefix = "g9999"}), 11u);
  EXPECT_EQ(count({.id_prefix = "g1"}), 11'111u);
  EXPECT_EQ(count({.name = "rare/7000"}), 1u);

  // What the index does not answer is looked at 10,000 groups a page, so that no reader waits for all of
  // them.
  const GroupFilter unindexed{.labels = {{"kind", "common"}, {"no", "such"}}};
  const GroupPage page = open.client->List(unindexed).value();
  EXPECT_TRUE(page.groups.empty());
  EXPECT_NE(page.next, "");
  EXPECT_EQ(count(unindexed), 0u);
}

}  // namespace
}  // namespace covey
