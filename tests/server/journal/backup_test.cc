#include "server/journal/backup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/base/make_directory.h"
#include "server/journal/tar.h"
#include "tests/server/journal/sqlite_support.h"

namespace covey {
namespace {

namespace fs = std::filesystem;
using Kind = AppendResult::Kind;

std::string ContentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void Put(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

class BackupTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }

  // The whole archive of the data directory, taken from a journal that is open.
  std::string Backup(Journal& journal, size_t* largest = nullptr) {
    auto hold = Await<Result<std::shared_ptr<void>>>([&](auto done) { journal.HoldFiles(done); });
    EXPECT_TRUE(hold.ok());
    BackupStream stream(Path("data"), std::move(hold.value()));
    std::string all;
    for (;;) {
      Result<std::string> piece = stream.Next();
      EXPECT_TRUE(piece.ok());
      if (!piece.ok() || piece.value().empty()) return all;
      if (largest != nullptr) *largest = std::max(*largest, piece.value().size());
      all += piece.value();
    }
  }
  // A data directory with a group and some output.
  std::string Made() {
    OpenJournal open({.directory = Path("data")});
    Writer group("g", open.epoch);
    EXPECT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
    EXPECT_EQ(open.client->Send(group.Tasks(100)).kind, Kind::kCommitted);
    MakeDirectories(Path("data/output/g"), 0700);
    Put(Path("data/output/g/0.1.out"), std::string(1'000'000, 'o'));
    Put(Path("data/output/g/0.1.err"), "");
    MakeDirectories(Path("data/output/.purge-1"), 0700);
    Put(Path("data/output/.purge-1/0.1.out"), "deleted");
    return Backup(*open.journal);
  }
  Error Refused(const std::string& archive) {
    Put(Path("archive"), archive);
    const Result<Void> restored = RestoreBackup(Path("archive"), Path("restored"));
    EXPECT_FALSE(restored.ok());
    EXPECT_FALSE(fs::exists(Path("restored")));
    EXPECT_EQ(std::distance(fs::directory_iterator(dir_.path()), {}), 2) << "data and archive";
    return restored.ok() ? Error() : restored.error();
  }

  TempDir dir_;
};

TEST_F(BackupTest, IsRestoredAsItWas) {
  Put(Path("archive"), Made());
  ASSERT_TRUE(RestoreBackup(Path("archive"), Path("restored")).ok());
  EXPECT_EQ(ContentOf(Path("restored/output/g/0.1.out")), std::string(1'000'000, 'o'));
  EXPECT_TRUE(fs::exists(Path("restored/output/g/0.1.err")));
  EXPECT_FALSE(fs::exists(Path("restored/output/.purge-1")));
  EXPECT_TRUE(DataDirectory::Open(Path("restored"), DataDirectory::OfCopy::kPark).value()->copied());
  OpenJournal open({.directory = Path("restored")});
  EXPECT_EQ(open.client->Head("g").value(), 101u);
}

TEST_F(BackupTest, GoesOnWhileTheJournalIsWritten) {
  OpenJournal open({.directory = Path("data")});
  Writer group("g", open.epoch);
  ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
  auto hold = Await<Result<std::shared_ptr<void>>>([&](auto done) { open.journal->HoldFiles(done); });
  BackupStream stream(Path("data"), std::move(hold.value()));
  std::string archive;
  // Several times as much as makes a checkpoint due, between the pieces.
  for (int i = 0; i < 12; ++i) {
    if (i == 1) archive += stream.Next().value();
    ASSERT_EQ(open.client->Send(group.Tasks(1, std::string(1'000'000, 'x'))).kind, Kind::kCommitted);
  }
  for (std::string piece = stream.Next().value(); !piece.empty(); piece = stream.Next().value())
    archive += piece;
  Put(Path("archive"), archive);
  ASSERT_TRUE(RestoreBackup(Path("archive"), Path("restored")).ok());
  OpenJournal restored({.directory = Path("restored")});
  const uint64_t head = restored.client->Head("g").value();
  EXPECT_GE(head, 1u);
  EXPECT_EQ(restored.client->Read("g", 1, 100).value().size(), head);
}

TEST_F(BackupTest, IsBoundedInMemory) {
  OpenJournal open({.directory = Path("data")});
  MakeDirectories(Path("data/output/g"), 0700);
  Put(Path("data/output/g/0.1.out"), std::string(20'000'000, 'o'));
  size_t largest = 0;
  EXPECT_GT(Backup(*open.journal, &largest).size(), 20'000'000u);
  EXPECT_LE(largest, size_t{600} << 10);
}

TEST_F(BackupTest, WhatIsCutOffIsNoticed) {
  const std::string archive = Made();
  for (const size_t size : {size_t{0}, size_t{1}, size_t{512}, archive.size() / 2, archive.size() - 1537,
                            archive.size() - 1536 - 512}) {
    EXPECT_EQ(Refused(archive.substr(0, size)).reason, "BACKUP_DAMAGED") << size;
  }
}

TEST_F(BackupTest, WhatIsChangedIsNoticed) {
  const std::string archive = Made();
  for (size_t i = 0; i < 200; ++i) {
    std::string damaged = archive;
    damaged[i * (archive.size() - 1024) / 200] ^= 4;
    EXPECT_EQ(Refused(damaged).reason, "BACKUP_DAMAGED") << i;
  }
}

TEST_F(BackupTest, NothingLeadsOutOfTheDirectory) {
  fs::create_directory(Path("data"));
  for (const char* name : {"../evil", "/evil", "output/../../evil", "output/g/../evil", "output/../evil",
                           "output/g/x/../../../../evil", "output/g/x/y", "id", "lock", "output/g", "x"}) {
    Put(Path("archive"), "");
    const std::string header = *tar::Encode({.name = name, .size = 0});
    const Error error = Refused(header + std::string(4096, '\0'));
    EXPECT_EQ(error.reason, "BACKUP_DAMAGED") << name;
    EXPECT_NE(error.message.find(", which no backup does"), std::string::npos)
        << name << ": " << error.message;
  }
}

TEST_F(BackupTest, IsRestoredToNothingElse) {
  Put(Path("archive"), Made());
  fs::create_directory(Path("restored"));
  Put(Path("restored/precious"), "precious");
  EXPECT_EQ(RestoreBackup(Path("archive"), Path("restored")).error().reason, "DATA_DIR_IN_USE");
  EXPECT_EQ(ContentOf(Path("restored/precious")), "precious");
  fs::remove(Path("restored/precious"));
  EXPECT_TRUE(RestoreBackup(Path("archive"), Path("restored")).ok()) << "an empty one is as good as none";
}

TEST(TarTest, HeadersAreReadAsTheyWereWritten) {
  for (const uint64_t size :
       {uint64_t{0}, uint64_t{511}, uint64_t{1} << 32, uint64_t{1} << 33, uint64_t{1} << 40}) {
    const auto block = tar::Encode({.name = "output/a group/0.1.out", .size = size});
    ASSERT_TRUE(block);
    EXPECT_EQ(block->size(), tar::kBlock);
    const auto header = tar::Decode(*block);
    ASSERT_TRUE(header) << size;
    EXPECT_EQ(header->name, "output/a group/0.1.out");
    EXPECT_EQ(header->size, size);
  }
  EXPECT_FALSE(tar::Encode({.name = "output/" + std::string(149, 'g') + "/0.1.out"}));
  EXPECT_FALSE(tar::Decode(std::string(tar::kBlock, '\0')));
}

}  // namespace
}  // namespace covey
