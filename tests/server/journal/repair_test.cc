#include "server/journal/repair.h"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "core/base/make_directory.h"
#include "tests/server/journal/sqlite_support.h"

namespace covey {
namespace {

namespace fs = std::filesystem;
using Kind = AppendResult::Kind;

constexpr int kStored = 20;

std::string Bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Every file below a directory, with its content.
std::map<std::string, std::string> Tree(const std::string& path) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) files[entry.path().string()] = Bytes(entry.path().string());
  }
  return files;
}

class RepairTest : public ::testing::Test {
 protected:
  void SetUp() override {
    OpenJournal open({.directory = Path("data"), .durability = Durability::kNone});
    for (int i = 0; i < kStored; ++i) {
      const std::string id = "group-" + std::to_string(i);
      Writer group(id, open.epoch);
      ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
      for (int batch = 0; batch < 5; ++batch)
        ASSERT_EQ(open.client->Send(group.Tasks(20)).kind, Kind::kCommitted);
      events_[id] = open.client->Read(id, 1, 1000).value().size();
    }
    MakeDirectories(Path("data/output/group-0"), 0700);
    std::ofstream(Path("data/output/group-0/0.1.out")) << "hello";
  }
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }

  void Damage(const std::function<void(std::string&)>& change) {
    std::string bytes = Bytes(Path("data/journal.db"));
    change(bytes);
    std::ofstream(Path("data/journal.db"), std::ios::binary) << bytes;
  }

  static size_t EventsOf(Client& client, const std::string& id) {
    const auto records = client.Read(id, 1, 1000);
    return records.ok() ? records.value().size() : 0;
  }
  static bool IsTold(const Repaired& repaired, const std::string& id) {
    return std::any_of(repaired.lost.begin(), repaired.lost.end(), [&](const std::string& line) {
      return line.find("group " + id + ":") != std::string::npos;
    });
  }

  TempDir dir_;
  std::map<std::string, size_t> events_;
};

TEST_F(RepairTest, WhatIsSoundIsTakenWhole) {
  const auto before = Tree(Path("data"));
  const auto repaired = RepairData(Path("data"), Path("new"));
  ASSERT_TRUE(repaired.ok()) << repaired.error().message;
  EXPECT_EQ(repaired.value().groups, static_cast<size_t>(kStored));
  EXPECT_EQ(repaired.value().lost, std::vector<std::string>());
  EXPECT_EQ(Tree(Path("data")), before);
  EXPECT_EQ(Bytes(Path("new/output/group-0/0.1.out")), "hello");
  EXPECT_TRUE(DataDirectory::Open(Path("new"), DataDirectory::OfCopy::kPark).value()->copied());
  OpenJournal open({.directory = Path("new"), .durability = Durability::kNone});
  for (const auto& [id, events] : events_)
    EXPECT_EQ(open.client->Read(id, 1, 1000).value().size(), events) << id;
  Writer group("another", open.epoch);
  EXPECT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
}

// What a group has left to the journal goes with it: else one whose old events are damaged could not go on.
TEST_F(RepairTest, SnapshotsAreTakenWithAllThatIsLookedUpBesideThem) {
  const Mark mark{.kind = Mark::Kind::kTaskName, .key = "a", .first = 3};
  const TaskBlock block{.first = 0, .bytes = "block"};
  {
    OpenJournal open({.directory = Path("data"), .durability = Durability::kNone});
    ASSERT_TRUE(open.client
                    ->PutSnapshot("group-3", open.epoch,
                                  {.number = 50, .bytes = "snapshot", .marks = {mark}, .tasks = {block}})
                    .ok());
  }
  ASSERT_TRUE(RepairData(Path("data"), Path("new")).ok());
  {
    OpenJournal open({.directory = Path("new"), .durability = Durability::kNone});
    EXPECT_EQ(open.client->ReadSnapshot("group-3").value()->bytes, "snapshot");
    EXPECT_EQ(open.client->FindMarks("group-3", {mark}).value(), std::vector<Mark>({mark}));
    EXPECT_EQ(open.client->ReadTasks("group-3", 5, 9).value(), std::vector<TaskBlock>({block}));
  }
  sqlite3* db = nullptr;
  ASSERT_EQ(OpenSummed(Path("data/journal.db"), &db), SQLITE_OK);
  sqlite3_stmt* root = nullptr;
  sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'marks'", -1, &root, nullptr);
  ASSERT_EQ(sqlite3_step(root), SQLITE_ROW);
  const auto page = static_cast<ptrdiff_t>(sqlite3_column_int(root, 0));
  sqlite3_finalize(root);
  sqlite3_close(db);
  Damage([page](std::string& bytes) { std::fill_n(bytes.begin() + (page - 1) * 4096, 4096, '\x5a'); });
  fs::remove_all(Path("new"));
  const auto repaired = RepairData(Path("data"), Path("new"));
  ASSERT_TRUE(repaired.ok()) << repaired.error().message;
  EXPECT_FALSE(repaired.value().lost.empty());
  OpenJournal open({.directory = Path("new"), .durability = Durability::kNone});
  EXPECT_EQ(open.client->ReadSnapshot("group-3").value(), std::nullopt) << "not without the marks";
}

TEST_F(RepairTest, ADamagedRecordIsToldWithItsGroup) {
  Damage([](std::string& bytes) {
    const size_t at = bytes.find("group-7");
    ASSERT_NE(at, std::string::npos);
    for (size_t i = 0; i < bytes.size() - 7; ++i) {
      if (bytes.compare(i, 7, "group-7") == 0) bytes[i + 6] = 'x';
    }
  });
  const auto repaired = RepairData(Path("data"), Path("new"));
  ASSERT_TRUE(repaired.ok()) << repaired.error().message;
  EXPECT_EQ(repaired.value().groups, static_cast<size_t>(kStored - 1));
  EXPECT_FALSE(repaired.value().lost.empty());
}

TEST_F(RepairTest, PagesThatAreGoneCostWhatWasOnThem) {
  const size_t pages = fs::file_size(Path("data/journal.db")) / 4096;
  ASSERT_GT(pages, 20u);
  for (size_t page = 0; page < pages; page += page < 10 ? 1 : 5) {
    const std::string whole = Bytes(Path("data/journal.db"));
    Damage([page](std::string& bytes) {
      std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(page * 4096), 4096, '\x5a');
    });
    const auto before = Tree(Path("data"));
    const auto repaired = RepairData(Path("data"), Path("new"));
    EXPECT_EQ(Tree(Path("data")), before) << page;
    ASSERT_TRUE(repaired.ok()) << "page " << page << ": " << repaired.error().message;
    // A page of events holds those of two or three groups.
    EXPECT_GE(repaired.value().groups, static_cast<size_t>(kStored - 3)) << page;
    OpenJournal open({.directory = Path("new"), .durability = Durability::kNone});
    for (const auto& [id, events] : events_) {
      EXPECT_TRUE(EventsOf(*open.client, id) == events || IsTold(repaired.value(), id)) << page << ": " << id;
    }
    Writer group("another", open.epoch);
    EXPECT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted) << page;
    fs::remove_all(Path("new"));
    std::ofstream(Path("data/journal.db"), std::ios::binary) << whole;
  }
}

TEST_F(RepairTest, GroupsWhoseRowsAreGoneAreMadeAgainOfTheirEvents) {
  {
    sqlite3* db = nullptr;
    ASSERT_EQ(OpenSummed(Path("data/journal.db"), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, "DELETE FROM groups WHERE gid <= 10", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
  }
  const auto repaired = RepairData(Path("data"), Path("new"));
  ASSERT_TRUE(repaired.ok()) << repaired.error().message;
  EXPECT_EQ(repaired.value().groups, static_cast<size_t>(kStored));
  EXPECT_EQ(repaired.value().lost, std::vector<std::string>());
  OpenJournal open({.directory = Path("new"), .durability = Durability::kNone});
  for (const auto& [id, events] : events_) {
    EXPECT_EQ(EventsOf(*open.client, id), events) << id;
    const auto summary = open.client->Find(id);
    ASSERT_TRUE(summary.ok()) << summary.error().message;
    EXPECT_EQ(summary.value().last_number, events);
    EXPECT_FALSE(summary.value().state.sealed);
  }
}

TEST_F(RepairTest, TheLogIsReadWhenTheDatabaseCannotBeOpened) {
  fs::create_directories(Path("killed"));
  {
    OpenJournal open({.directory = Path("data"), .durability = Durability::kNone});
    for (const char* id : {"late-1", "late-2", "late-3"}) {
      Writer group(id, open.epoch);
      ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
      for (int batch = 0; batch < 3; ++batch)
        ASSERT_EQ(open.client->Send(group.Tasks(20)).kind, Kind::kCommitted);
      events_[id] = open.client->Read(id, 1, 1000).value().size();
    }
    for (const char* name : {"journal.db", "journal.db-wal"})
      fs::copy_file(Path("data/") + name, Path("killed/") + name);
  }
  std::string bytes = Bytes(Path("killed/journal.db"));
  std::string log = Bytes(Path("killed/journal.db-wal"));
  ASSERT_GT(log.size(), 32u + 10 * 4120);
  std::fill_n(bytes.begin(), 100, '\x5a');  // SQLite knows it no more
  std::ofstream(Path("killed/journal.db"), std::ios::binary) << bytes;
  const auto repaired = RepairData(Path("killed"), Path("new"));
  ASSERT_TRUE(repaired.ok()) << repaired.error().message;
  {
    OpenJournal open({.directory = Path("new"), .durability = Durability::kNone});
    for (const auto& [id, events] : events_) EXPECT_EQ(EventsOf(*open.client, id), events) << id;
  }
  fs::remove_all(Path("new"));
  // A frame in the middle of the log is gone as well: what is behind it is taken.
  std::fill_n(log.begin() + 32 + 6 * 4120 + 24, 4096, '\x5a');
  std::ofstream(Path("killed/journal.db-wal"), std::ios::binary) << log;
  const auto damaged = RepairData(Path("killed"), Path("new"));
  ASSERT_TRUE(damaged.ok()) << damaged.error().message;
  OpenJournal open({.directory = Path("new"), .durability = Durability::kNone});
  EXPECT_EQ(EventsOf(*open.client, "late-3"), events_["late-3"]);
  for (const auto& [id, events] : events_)
    EXPECT_TRUE(EventsOf(*open.client, id) == events || IsTold(damaged.value(), id)) << id;
}

TEST_F(RepairTest, AFlippedBitIsNoCrashAndNoWrongValue) {
  const std::string whole = Bytes(Path("data/journal.db"));
  std::mt19937 random(7);
  for (int i = 0; i < 60; ++i) {
    const size_t at = random() % whole.size();
    Damage([&](std::string& bytes) { bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8)); });
    const auto repaired = RepairData(Path("data"), Path("new"));
    if (repaired.ok()) {
      OpenJournal open({.directory = Path("new"), .durability = Durability::kNone});
      size_t sound = 0;
      for (const auto& [id, events] : events_) {
        const auto records = open.client->Read(id, 1, 1000);
        if (records.ok() && records.value().size() == events) ++sound;
      }
      EXPECT_GE(sound, repaired.value().groups) << "byte " << at;
    } else {
      EXPECT_EQ(repaired.error().code, ErrorCode::kDataLoss) << repaired.error().message;
    }
    fs::remove_all(Path("new"));
    std::ofstream(Path("data/journal.db"), std::ios::binary) << whole;
  }
}

TEST_F(RepairTest, AGroupThatIsOverLacksItsLastEvent) {
  {
    OpenJournal open({.directory = Path("data"), .durability = Durability::kNone});
    for (const char* id : {"whole", "short"}) {
      Writer group(id, open.epoch);
      for (const Append& append :
           {group.Create(), group.Decide(state::Outcome::kSucceeded), group.Complete()}) {
        ASSERT_EQ(open.client->Send(append).kind, Kind::kCommitted);
      }
    }
  }
  sqlite3* db = nullptr;
  ASSERT_EQ(OpenSummed(Path("data/journal.db"), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db,
                         "DELETE FROM records WHERE first = 3 AND gid = (SELECT gid FROM groups WHERE id = "
                         "'short')",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_EQ(sqlite3_changes(db), 1);
  sqlite3_close(db);
  const auto repaired = RepairData(Path("data"), Path("new"));
  ASSERT_TRUE(repaired.ok()) << repaired.error().message;
  EXPECT_EQ(repaired.value().groups, static_cast<size_t>(kStored + 1));
  EXPECT_EQ(repaired.value().lost, std::vector<std::string>({"group short: events 3 and after are lost"}));
}

TEST_F(RepairTest, OneThatIsInUseIsLeftAlone) {
  const auto data = DataDirectory::Open(Path("data"), DataDirectory::OfCopy::kPark);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(RepairData(Path("data"), Path("new")).error().reason, "DATA_DIR_IN_USE");
  EXPECT_FALSE(fs::exists(Path("new")));
}

}  // namespace
}  // namespace covey
