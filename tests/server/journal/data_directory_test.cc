#include "server/journal/data_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "server/journal/sqlite_journal.h"
#include "tests/server/journal/sqlite_support.h"

namespace covey {
namespace {

namespace fs = std::filesystem;
using OfCopy = DataDirectory::OfCopy;

class DataDirectoryTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name = "data") const { return dir_.path() + "/" + name; }

  std::shared_ptr<DataDirectory> Open(const std::string& path, OfCopy of_copy = OfCopy::kPark) {
    auto opened = DataDirectory::Open(path, of_copy);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    return opened.value();
  }
  Error Refused(const std::string& path) {
    auto opened = DataDirectory::Open(path, OfCopy::kPark);
    EXPECT_FALSE(opened.ok());
    return opened.ok() ? Error() : opened.error();
  }
  std::string Copy() {
    fs::copy(Path(), Path("copy"), fs::copy_options::recursive);
    fs::permissions(Path("copy"), fs::perms::owner_all);
    return Path("copy");
  }

  TempDir dir_;
};

TEST_F(DataDirectoryTest, KeepsItsIdWhereverItIs) {
  const std::string id = Open(Path())->id();
  EXPECT_FALSE(id.empty());
  fs::rename(Path(), Path("elsewhere"));
  const auto again = Open(Path("elsewhere"));
  EXPECT_EQ(again->id(), id);
  EXPECT_FALSE(again->was_copied());
  EXPECT_FALSE(again->Refusal());
}

TEST_F(DataDirectoryTest, ACopyIsParkedUntilItIsAdopted) {
  const std::string id = Open(Path())->id();
  const std::string copy = Copy();
  for (int i = 0; i < 2; ++i) {
    const auto parked = Open(copy);
    EXPECT_TRUE(parked->copied());
    EXPECT_NE(parked->id(), id);
    EXPECT_EQ(parked->Refusal()->reason, "DATA_DIR_COPIED");
  }
  const auto adopted = Open(copy, OfCopy::kAdopt);
  EXPECT_TRUE(adopted->was_copied());
  EXPECT_FALSE(adopted->copied());
  EXPECT_FALSE(adopted->Refusal());
}

TEST_F(DataDirectoryTest, AnAdoptedCopyHasAnIdOfItsOwn) {
  const std::string id = Open(Path())->id();
  const std::string copy = Copy();
  const std::string own = Open(copy, OfCopy::kAdopt)->id();
  EXPECT_NE(own, id);
  EXPECT_EQ(Open(copy)->id(), own);
  EXPECT_FALSE(Open(copy)->copied());
  EXPECT_EQ(Open(Path())->id(), id);
}

TEST_F(DataDirectoryTest, AJournalWithoutIdIsACopy) {
  Open(Path());
  fs::remove(Path() + "/id");
  EXPECT_FALSE(Open(Path())->copied());  // there is nothing that could run twice
  fs::remove(Path() + "/id");
  std::ofstream(Path() + "/journal.db") << "a journal";
  EXPECT_TRUE(Open(Path())->copied());
}

TEST_F(DataDirectoryTest, AnIdThatCannotBeReadIsACopysOwn) {
  Open(Path());
  std::ofstream(Path() + "/journal.db") << "a journal";
  std::ofstream(Path() + "/id") << "\1\2\3";
  EXPECT_TRUE(Open(Path())->copied());
}

TEST_F(DataDirectoryTest, TellsWhatWasRemovedOrReplaced) {
  const auto data = Open(Path());
  std::ofstream(Path() + "/journal.db") << "a journal";
  data->Pin(Path() + "/journal.db");
  data->Pin(Path() + "/not-there");
  EXPECT_FALSE(data->Refusal());

  fs::rename(Path(), Path("away"));
  EXPECT_EQ(data->Refusal()->reason, "DATA_DIR_GONE");
  EXPECT_EQ(data->Refusal()->code, ErrorCode::kUnavailable);
  fs::copy(Path("away"), Path());
  EXPECT_EQ(data->Refusal()->reason, "DATA_DIR_GONE") << "another one is in its place";
  fs::remove_all(Path());
  fs::rename(Path("away"), Path());
  EXPECT_FALSE(data->Refusal()) << "it is there again";

  fs::remove(Path() + "/journal.db");
  EXPECT_NE(data->Refusal()->message.find("journal.db"), std::string::npos);
}

TEST_F(DataDirectoryTest, IsPrivate) {
  fs::create_directory(Path());
  for (const mode_t mode : {0777, 0770, 0707, 0755, 0710, 0704}) {
    ASSERT_EQ(::chmod(Path().c_str(), mode), 0);
    const Error error = Refused(Path());
    EXPECT_EQ(error.reason, "DATA_DIR_UNUSABLE");
    EXPECT_NE(error.message.find("chmod 700 " + Path()), std::string::npos) << error.message;
    EXPECT_TRUE(fs::is_empty(Path()));
  }
  ASSERT_EQ(::chmod(Path().c_str(), 0700), 0);
  Open(Path());
}

// What is in a journal that was opened does not change while its directory is a copy, or gone.
TEST_F(DataDirectoryTest, AJournalRefusesToWrite) {
  { OpenJournal original({.directory = Path()}); }
  const auto data = Open(Copy());
  auto opened = OpenSqliteJournal({.directory = data->path(), .data = data});
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened.value()->capabilities().copied);
  const auto refused = Await<Result<uint64_t>>([&](auto done) { opened.value()->Acquire({}, done); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "DATA_DIR_COPIED");
  const auto pools = Await<Result<std::vector<StoredPool>>>([&](auto done) { opened.value()->Pools(done); });
  EXPECT_TRUE(pools.ok());
}

TEST_F(DataDirectoryTest, AJournalWritesNothingToADirectoryThatIsGone) {
  OpenJournal open({.directory = Path()});
  const StoredPool pool{.name = "batch", .max = 3};
  const auto put = [&] { return Await<Result<Void>>([&](auto done) { open.journal->PutPool(pool, done); }); };
  EXPECT_TRUE(put().ok());
  fs::rename(Path(), Path("away"));
  for (int i = 0; i < 2; ++i) {
    const Result<Void> refused = put();
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().reason, "DATA_DIR_GONE");
  }
  EXPECT_FALSE(fs::exists(Path())) << "nothing is made in its place";
  fs::rename(Path("away"), Path());
  EXPECT_TRUE(put().ok());
}

TEST(DirectoryIdTest, IsReadAsItWasWritten) {
  const DirectoryId own{.id = "01a2-b3", .mark = FileMark{.inode = 7, .born = 1'795'811'493'751'941'133}};
  const auto read = DirectoryId::Parse(own.Text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, own.id);
  EXPECT_EQ(read->mark, own.mark);
  EXPECT_FALSE(DirectoryId::Parse("01a2-b3\n")->mark) << "an earlier version has none";
  for (const char* text : {"", "\n", "..\n", "a/b\n"}) EXPECT_FALSE(DirectoryId::Parse(text)) << text;
  for (const char* text : {"id lock", "id lock 7", "id lock seven 1", "id other 7 1"})
    EXPECT_EQ(DirectoryId::Parse(text)->mark, FileMark()) << text;
}

TEST(FileMarkTest, ABirthTimeThatIsNotKnownTellsNothing) {
  const FileMark known{.inode = 7, .born = 1};
  EXPECT_TRUE(known.Matches({.inode = 7, .born = 1}));
  EXPECT_TRUE(known.Matches({.inode = 7, .born = 0}));
  EXPECT_FALSE(known.Matches({.inode = 7, .born = 2}));
  EXPECT_FALSE(known.Matches({.inode = 8, .born = 1}));
}

}  // namespace
}  // namespace covey
