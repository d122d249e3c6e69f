#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include "server/journal/storage.h"
#include "tests/server/journal/sqlite_support.h"

// Bits that change anywhere in the files of a journal: it is refused as damaged, or each read gives what was stored or
// says that it is damaged, and what is written is there. COVEY_FLIPS: how many (10,000 take some minutes).
namespace covey {
namespace {

namespace fs = std::filesystem;
using Kind = AppendResult::Kind;

constexpr int kFlippedGroups = 48;
constexpr size_t kListedAtOnce = 7;  // groups that a listing answers at once

int Flips(int usual) {
  const char* const told = std::getenv("COVEY_FLIPS");
  return told != nullptr ? std::atoi(told) : usual;
}

std::string FileContent(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string Bytes(const std::vector<Record>& records) {
  std::string bytes;
  if (!records.empty()) storage::EncodeRecords(records, &bytes);
  return bytes;
}

// What a client knows of a group.
struct Known {
  std::vector<Record> records;
  std::string summary;
  std::optional<Snapshot> snapshot;
  std::string request;
};

class FlippedBitsTest : public ::testing::Test {
 protected:
  // Groups that are over and open, small and large, with labels and requests, and some that are purged.
  void Fill(OpenJournal& open) {
    for (int i = 0; i < kFlippedGroups; ++i) {
      const std::string id = "group-" + std::to_string(i * 7919 % kFlippedGroups);
      Writer group(id, open.epoch);
      group.spec().name = "name-" + std::to_string(i % 5);
      group.spec().labels = {{"kind", std::to_string(i % 3)}, {"of", "all"}};
      if (i % 16 == 3) group.spec().annotations = {{"long", std::string(9000, 'a')}};
      group.summary().created = Writer::At(i * 1000);
      const std::string request = i % 2 == 0 ? "request-" + std::to_string(i) : "";
      std::vector<Append> appends = {group.Create(request)};
      for (int batch = 0; batch < 4; ++batch)
        appends.push_back(
            group.Tasks(1 + static_cast<size_t>(i % 3), std::string(i % 11 == 5 ? 6000 : 60, 'p')));
      if (i % 2 == 0) {
        appends.push_back(group.Seal());
        appends.push_back(group.Decide(i % 4 == 0 ? state::Outcome::kSucceeded : state::Outcome::kFailed));
        appends.push_back(group.Complete());
      }
      for (const Append& append : appends) ASSERT_EQ(open.client->Send(append).kind, Kind::kCommitted);
      Known& known = known_[id];
      known.request = request;
      if (i % 8 == 1) {
        known.snapshot = {.number = 2, .bytes = "a snapshot of " + id};
        ASSERT_TRUE(open.client->PutSnapshot(id, open.epoch, *known.snapshot).ok());
      }
      if (i % 12 == 4) {
        ASSERT_TRUE(open.client->Purge(id).ok());
        known_.erase(id);
      }
    }
    ASSERT_TRUE(open.client->PutPool({.name = "a-pool", .max = 3}).ok());
    for (auto& [id, known] : known_) {
      known.records = open.client->Read(id).value();
      known.summary = storage::EncodeSummary(open.client->Find(id).value());
    }
  }

  // As a daemon that was killed leaves it: the last commits are in the log.
  void Make() {
    {
      OpenJournal open({.directory = dir_.path() + "/whole"});
      Fill(open);
      whole_ = FileContent(dir_.path() + "/whole/journal.db");
      log_ = FileContent(dir_.path() + "/whole/journal.db-wal");
    }
    folded_ = FileContent(dir_.path() + "/whole/journal.db");
    ASSERT_GT(log_.size(), 100'000u);
    ASSERT_GT(folded_.size(), 100'000u);
  }

  static void Flip(std::string& bytes, std::mt19937& random) {
    const size_t at = random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
  }

  // Damage, or nothing else.
  template <typename T>
  static bool IsGiven(const Result<T>& result) {
    if (!result.ok()) {
      EXPECT_EQ(result.error().code, ErrorCode::kDataLoss) << result.error().message;
    }
    return result.ok();
  }

  void LookAtGroup(Client& client, const std::string& id, const Known& known) {
    std::vector<Record> told;
    for (;;) {
      const auto page = client.Read(id, told.size() + 1, 5);
      if (!IsGiven(page)) break;
      if (page.value().empty()) {
        EXPECT_EQ(told.size(), known.records.size()) << id << " ends early";
        whole_groups_ += told.size() == known.records.size() ? 1 : 0;
        break;
      }
      told.insert(told.end(), page.value().begin(), page.value().end());
      ASSERT_LE(told.size(), known.records.size()) << id;
    }
    const std::vector<Record> same(known.records.begin(),
                                   known.records.begin() + static_cast<ptrdiff_t>(told.size()));
    EXPECT_EQ(Bytes(told), Bytes(same)) << id;
    const auto head = client.Head(id);
    if (IsGiven(head)) {
      EXPECT_EQ(head.value(), known.records.size()) << id;
    }
    const auto found = client.Find(id);
    if (IsGiven(found)) {
      EXPECT_EQ(storage::EncodeSummary(found.value()), known.summary) << id;
    }
    if (found.ok()) {
      EXPECT_EQ(found.value().spec->id, id);
    }
    const auto snapshot = client.ReadSnapshot(id);
    if (IsGiven(snapshot) && snapshot.value()) {
      EXPECT_EQ(snapshot.value(), known.snapshot) << id;
    }
    if (known.request.empty()) return;
    const auto made = client.FindRequest(known.request);
    if (IsGiven(made)) {
      EXPECT_EQ(made.value(), id);
    }
  }

  void LookAtLists(Client& client) {
    for (const GroupFilter& filter :
         {GroupFilter{}, GroupFilter{.labels = {{"of", "all"}}}, GroupFilter{.name_prefix = "name"}}) {
      std::set<std::string> listed;
      size_t damaged = 0;
      std::string token;
      do {
        const auto page = client.List(filter, kListedAtOnce, token);
        if (!IsGiven(page)) break;
        for (const GroupSummary& each : page.value().groups) {
          ASSERT_TRUE(known_.contains(each.spec->id)) << each.spec->id;
          EXPECT_TRUE(listed.insert(each.spec->id).second) << each.spec->id << " is listed twice";
          EXPECT_EQ(storage::EncodeSummary(each), known_[each.spec->id].summary);
        }
        damaged += page.value().damaged.size();
        token = page.value().next;
        if (token.empty()) {
          EXPECT_GE(listed.size() + damaged, known_.size());
        }
      } while (!token.empty());
    }
  }

  void LookAtAll(Client& client) {
    std::map<std::string, std::vector<Record>> told;
    size_t damaged = 0;
    std::string cursor;
    for (bool more = true; more;) {
      const auto page = client.Watch(cursor, 20);
      if (!IsGiven(page)) return;
      for (const WatchedRecords& each : page.value().groups) {
        std::vector<Record>& records = told[each.group->id];
        records.insert(records.end(), each.records.begin(), each.records.end());
      }
      damaged += page.value().damaged.size();
      more = page.value().more;
      cursor = page.value().cursor;
    }
    size_t missing = 0;
    for (const auto& [id, records] : told) {
      ASSERT_TRUE(known_.contains(id)) << id;
      const std::vector<Record>& known = known_[id].records;
      for (size_t i = 0; i < records.size(); ++i) {
        ASSERT_LE(records[i].number, known.size());
        EXPECT_TRUE(i == 0 || records[i - 1].number < records[i].number) << id;
        EXPECT_EQ(Bytes({records[i]}), Bytes({known[records[i].number - 1]})) << id;
      }
    }
    for (const auto& [id, known] : known_) missing += known.records.size() - told[id].size();
    EXPECT_TRUE(missing == 0 || damaged > 0) << missing << " events are missing, which is not told";
  }

  void Look(Client& client) {
    for (const auto& [id, known] : known_) LookAtGroup(client, id, known);
    for (const char* id : {"group-none", "a", "zz"}) {
      const auto found = client.Find(id);
      EXPECT_TRUE(found.error().code == ErrorCode::kNotFound || found.error().code == ErrorCode::kDataLoss);
      const auto head = client.Head(id);
      if (IsGiven(head)) {
        EXPECT_EQ(head.value(), 0u);
      }
    }
    LookAtLists(client);
    LookAtAll(client);
    const auto pools = client.Pools();
    if (IsGiven(pools)) {
      EXPECT_EQ(pools.value(), (std::vector<StoredPool>{{.name = "a-pool", .max = 3}}));
    }
  }

  // Goes on with each open group, ends some, deletes one that is over, and makes a new one.
  void Write(Client& client, uint64_t epoch) {
    const auto is_told = [](const AppendResult& result) {
      if (result.kind == Kind::kCommitted) return true;
      EXPECT_EQ(result.error.code, ErrorCode::kDataLoss) << result.error.message;
      return false;
    };
    for (auto& [id, known] : known_) {
      if (known.records.back().event.kind == state::EventKind::kGroupCompleted) continue;
      const auto found = client.Find(id);
      if (!found.ok()) continue;  // nobody goes on with what cannot be read
      Writer group(id, epoch);
      group.set_next(known.records.size() + 1);
      Append append = group.Tasks(2, "more");
      if (!is_told(client.Send(append))) continue;
      const auto records = append.batch->records();
      known.records.insert(known.records.end(), records.begin(), records.end());
      GroupSummary summary = found.value();
      summary.last_number = known.records.size();
      known.summary = storage::EncodeSummary(summary);
    }
    Writer made("made-now", epoch);
    made.spec().name = "name-of-it";
    made.spec().labels = {{"of", "all"}};
    Append creation = made.Create();
    if (!is_told(client.Send(creation))) return;
    Known& known = known_["made-now"];
    known.records.assign(creation.batch->records().begin(), creation.batch->records().end());
    GroupSummary summary = *creation.summary;
    summary.last_number = 1;
    known.summary = storage::EncodeSummary(summary);
    const auto purged = client.Purge("group-0");
    if (IsGiven(purged)) known_.erase("group-0");
  }

  // On these files; false: refused.
  bool Try(const std::string& bytes, const std::string& log, bool writes) {
    const TempDir data;
    std::ofstream(data.path() + "/journal.db", std::ios::binary) << bytes;
    if (!log.empty()) std::ofstream(data.path() + "/journal.db-wal", std::ios::binary) << log;
    const auto known = known_;
    bool good = true;
    for (int round = 0; round < 2 && good; ++round) {
      auto opened = OpenSqliteJournal({.directory = data.path(), .readers = 1});
      if (!opened.ok()) {
        EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss) << opened.error().message;
        good = round > 0;
        break;
      }
      Client client(*opened.value());
      Look(client);
      if (!writes || round > 0) break;
      const auto epoch = Await<Result<uint64_t>>([&](auto done) { opened.value()->Acquire({}, done); });
      if (IsGiven(epoch)) Write(client, epoch.value());
      Look(client);
      opened.value()->Close();
    }
    known_ = known;
    return good;
  }

  void Report(int flips, size_t started) const {
    std::printf("%d flips: %zu starts, of their groups %zu whole, the others told\n", flips, started,
                whole_groups_);
    RecordProperty("started", static_cast<int>(started));
  }

  TempDir dir_;
  std::string whole_;  // with log_
  std::string log_;
  std::string folded_;  // without
  std::map<std::string, Known> known_;
  size_t whole_groups_ = 0;
};

TEST_F(FlippedBitsTest, OneInTheDatabaseCostsAtMostItsGroup) {
  Make();
  std::mt19937 random(1);
  const int flips = Flips(150);
  size_t started = 0;
  for (int i = 0; i < flips && !HasFailure(); ++i) {
    SCOPED_TRACE("flip " + std::to_string(i));
    std::string bytes = folded_;
    Flip(bytes, random);
    started += Try(bytes, "", i % 4 == 0) ? 1 : 0;
  }
  Report(flips, started);
  EXPECT_EQ(started, static_cast<size_t>(flips));
}

// These rows are read at each start, and their pages are not put right: what they say is made again, or done without.
TEST_F(FlippedBitsTest, NoneInTheListOfWhatIsOverRefusesAStart) {
  Make();
  std::ofstream(dir_.path() + "/copy.db", std::ios::binary) << folded_;
  sqlite3* db = nullptr;
  ASSERT_EQ(OpenSummed(dir_.path() + "/copy.db", &db), SQLITE_OK);
  sqlite3_stmt* root = nullptr;
  sqlite3_prepare_v2(db, "SELECT rootpage FROM sqlite_schema WHERE name = 'ended'", -1, &root, nullptr);
  ASSERT_EQ(sqlite3_step(root), SQLITE_ROW);
  const auto page = static_cast<size_t>(sqlite3_column_int(root, 0));
  sqlite3_finalize(root);
  sqlite3_close(db);
  constexpr size_t kPage = 4096;
  const std::string_view rows(folded_.data() + (page - 1) * kPage, kPage);
  ASSERT_EQ(rows[0], 13) << "a leaf of a table";
  const size_t first = static_cast<unsigned char>(rows[5]) * 256U + static_cast<unsigned char>(rows[6]);
  ASSERT_LT(first, kPage);
  for (size_t at = first; at < std::min(first + 16, kPage); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = folded_;
      char& flipped = bytes[(page - 1) * kPage + at];
      flipped = static_cast<char>(flipped ^ (1 << bit));
      EXPECT_TRUE(Try(bytes, "", false)) << at << " " << bit;
      if (HasFailure()) return;
    }
  }
}

TEST_F(FlippedBitsTest, ManyInTheDatabaseAreNeverWrong) {
  Make();
  std::mt19937 random(2);
  const int flips = Flips(150) / 3;
  size_t started = 0;
  for (int i = 0; i < flips && !HasFailure(); ++i) {
    SCOPED_TRACE("flip " + std::to_string(i));
    std::string bytes = folded_;
    for (uint64_t each = 2 + random() % 60; each > 0; --each) Flip(bytes, random);
    started += Try(bytes, "", i % 2 == 0) ? 1 : 0;
  }
  Report(flips, started);
  EXPECT_GT(started, 0u);
}

TEST_F(FlippedBitsTest, OneInTheLogIsNotTakenForATornWrite) {
  Make();
  std::mt19937 random(3);
  const int flips = Flips(150) / 3;
  size_t started = 0;
  for (int i = 0; i < flips && !HasFailure(); ++i) {
    SCOPED_TRACE("flip " + std::to_string(i));
    std::string log = log_;
    Flip(log, random);
    started += Try(whole_, log, false) ? 1 : 0;
  }
  Report(flips, started);
}

}  // namespace
}  // namespace covey
