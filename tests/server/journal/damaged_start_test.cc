#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "core/engine/engine.h"
#include "tests/server/journal/sqlite_support.h"
#include "tests/support/engine_world.h"

// A start on a journal in whose file bits have changed: it is refused as damage, which the daemon tells with what
// saves the rest, or the groups that are damaged are set aside and the others go on.
namespace covey {
namespace {

namespace files = std::filesystem;

constexpr int kStarts = 120;
constexpr int kGroupsThatRun = 12;
constexpr int kGroupsThatAreOver = 12;

std::string Content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class DamagedStartTest : public ::testing::Test {
 protected:
  void SetUp() override {
    {
      OpenJournal open({.directory = Path("whole"), .durability = Durability::kNone});
      for (int i = 0; i < kGroupsThatRun + kGroupsThatAreOver; ++i) {
        const std::string id = "group-" + std::to_string(i);
        Writer group(id, open.epoch);
        group.spec().name = "name-" + std::to_string(i);
        group.spec().pool = "default";
        std::vector<Append> appends = {group.Create("request-" + std::to_string(i)),
                                       group.Tasks(10, "payload")};
        if (i < kGroupsThatAreOver) {
          appends.push_back(group.Seal());
          appends.push_back(group.Decide(state::Outcome::kCancelled));
          appends.push_back(group.Complete());
        }
        for (const Append& append : appends)
          ASSERT_EQ(open.client->Send(append).kind, AppendResult::Kind::kCommitted);
        events_[id] = open.client->Read(id).value().size();
      }
      open.journal->Close();
    }
    whole_ = Content(Path("whole/journal.db"));
    ASSERT_FALSE(files::exists(Path("whole/journal.db-wal")));
  }
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }

  // On a directory of its own, with this journal. False: refused.
  bool Start(const std::string& bytes) {
    const TempDir data;
    std::ofstream(data.path() + "/journal.db", std::ios::binary) << bytes;
    auto opened =
        OpenSqliteJournal({.directory = data.path(), .durability = Durability::kNone, .readers = 1});
    if (!opened.ok()) {
      EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss) << opened.error().message;
      return false;
    }
    const std::shared_ptr<Journal> journal = std::move(opened.value());
    std::atomic<size_t> warned = 0;
    ExecutorTable executors;
    const auto executor = std::make_shared<testing::ScriptedExecutor>();
    executor->ExitAtOnce();
    executors.Set<FunctionSpec>(executor);
    Engine engine({.journal = journal,
                   .output = std::make_shared<testing::NoOutput>(),
                   .executors = executors,
                   .pools = {{"default", 2}},
                   .warn = [&](const std::string&) { ++warned; }});
    const std::optional<Error> refused = engine.Recover();
    if (refused) {
      EXPECT_EQ(refused->code, ErrorCode::kDataLoss) << refused->message;
    } else {
      engine.Run();
      Client client(*journal);
      for (const auto& [id, events] : events_) {
        const auto whole = client.Read(id);
        if (whole.ok()) {
          sound_ += whole.value().size() >= events ? 1 : 0;
        } else {
          EXPECT_EQ(whole.error().code, ErrorCode::kDataLoss) << whole.error().message;
        }
        (void)Await<Result<Engine::GroupPtr>>([&, group = id](auto done) { engine.Find(group, done); });
      }
    }
    journal->Close();
    return !refused;
  }

  TempDir dir_;
  std::string whole_;
  std::map<std::string, size_t> events_;
  size_t sound_ = 0;
};

TEST_F(DamagedStartTest, AFlippedBitRefusesTheStartOrCostsItsGroup) {
  std::mt19937 random(7);
  size_t started = 0;
  for (int i = 0; i < kStarts && !HasFailure(); ++i) {
    std::string bytes = whole_;
    const size_t at = 100 + random() % (bytes.size() - 100);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    SCOPED_TRACE("byte " + std::to_string(at));
    started += Start(bytes) ? 1 : 0;
  }
  EXPECT_GT(started, kStarts / 2u);
  EXPECT_GT(sound_, started * (events_.size() - 2));
}

TEST_F(DamagedStartTest, ManyFlippedBitsDoNoMore) {
  std::mt19937 random(11);
  for (int i = 0; i < kStarts / 4 && !HasFailure(); ++i) {
    std::string bytes = whole_;
    for (uint64_t flips = 1 + random() % 40; flips > 0; --flips) {
      const size_t at = 100 + random() % (bytes.size() - 100);
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    }
    (void)Start(bytes);
  }
}

}  // namespace
}  // namespace covey
