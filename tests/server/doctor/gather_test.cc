#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "server/doctor/facts.h"

namespace covey::doctor {
namespace {

class GatherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "covey-doctor-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Facts Look(const std::string& data_dir, const std::string& journal = "sqlite") {
    ConfigResult configured{.loaded = LoadedConfig{}, .problems = {}};
    configured.loaded->config.data_dir = data_dir;
    configured.loaded->config.journal = journal;
    return Gather({}, configured);
  }

  std::string directory_;
};

TEST_F(GatherTest, ADirectoryAndItsDisk) {
  const Facts facts = Look(directory_);
  EXPECT_EQ(facts.data.mode, 0700u);
  EXPECT_EQ(facts.data.owner, geteuid());
  ASSERT_TRUE(facts.disk);
  EXPECT_FALSE(facts.disk->file_system.empty());
  EXPECT_GT(facts.disk->bytes, facts.disk->free_bytes);
  ASSERT_TRUE(facts.disk->sync) << facts.disk->sync_problem;
  EXPECT_GT(*facts.disk->sync, std::chrono::nanoseconds(0));
  EXPECT_TRUE(std::filesystem::is_empty(directory_)) << "nothing is left there";
  EXPECT_FALSE(facts.machine.kernel.empty());
  EXPECT_FALSE(facts.machine.written);
}

TEST_F(GatherTest, OneThatIsNotThereIsNotMade) {
  const Facts facts = Look(directory_ + "/a/b");
  EXPECT_TRUE(facts.data.missing);
  EXPECT_TRUE(facts.disk) << "that of the directory above";
  EXPECT_FALSE(facts.disk->sync);
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(GatherTest, WhereNoneCanBeMadeIsSeen) {
  const std::string file = directory_ + "/file";
  fclose(fopen(file.c_str(), "w"));
  EXPECT_FALSE(Look(file).data.is_directory);
  EXPECT_EQ(Look(file + "/below").data.problem, "Not a directory");
  EXPECT_FALSE(Look(file + "/below").data.missing);
  ASSERT_EQ(symlink("/nowhere/at/all", (directory_ + "/link").c_str()), 0);
  EXPECT_EQ(Look(directory_ + "/link").data.unmakable, "it is a link to what is not there");
  EXPECT_EQ(Look(directory_ + "/new").data.unmakable, "");
  if (geteuid() == 0) return;  // who may write everywhere
  ASSERT_EQ(chmod(directory_.c_str(), 0500), 0);
  EXPECT_NE(Look(directory_ + "/new").data.unmakable.find("Permission denied"), std::string::npos);
  ASSERT_EQ(chmod(directory_.c_str(), 0700), 0);
}

TEST_F(GatherTest, AJournalInMemoryHasNoDisk) {
  const Facts facts = Look(directory_, "memory");
  EXPECT_FALSE(facts.disk);
}

TEST_F(GatherTest, WhenTheJournalWasWrittenLast) {
  const std::string journal = directory_ + "/journal.db";
  fclose(fopen(journal.c_str(), "w"));
  const timespec at[2] = {{.tv_sec = 5'000'000'000, .tv_nsec = 0}, {.tv_sec = 5'000'000'000, .tv_nsec = 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, journal.c_str(), at, 0), 0);
  EXPECT_EQ(Look(directory_).machine.written, std::chrono::system_clock::from_time_t(5'000'000'000));
}

}  // namespace
}  // namespace covey::doctor
