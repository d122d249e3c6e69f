#include "core/base/make_directory.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

namespace covey {
namespace {

class MakeDirectoryTest : public ::testing::Test {
 protected:
  MakeDirectoryTest() {
    std::string name = (std::filesystem::temp_directory_path() / "covey-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~MakeDirectoryTest() override {
    umask(before_);
    std::filesystem::remove_all(path_);
  }
  static unsigned ModeOf(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  std::string path_;
  const mode_t before_ = umask(022);
};

TEST_F(MakeDirectoryTest, TheUmaskDoesNotCount) {
  for (const mode_t mask : {0, 022, 0177, 0777}) {
    umask(mask);
    const std::string name = path_ + "/" + std::to_string(mask);
    EXPECT_TRUE(MakeDirectory(name + "a", 0700));
    EXPECT_EQ(ModeOf(name + "a"), 0700u);
    EXPECT_TRUE(MakeDirectory(name + "b", 0755));
    EXPECT_EQ(ModeOf(name + "b"), 0755u);
  }
}

TEST_F(MakeDirectoryTest, WhatExistsStaysAsItIs) {
  ASSERT_TRUE(MakeDirectory(path_ + "/a", 0750));
  EXPECT_FALSE(MakeDirectory(path_ + "/a", 0700));
  EXPECT_EQ(errno, EEXIST);
  EXPECT_TRUE(MakeDirectories(path_ + "/a", 0700));
  EXPECT_EQ(ModeOf(path_ + "/a"), 0750u);
}

TEST_F(MakeDirectoryTest, ParentsAreMadeWithTheSameMode) {
  umask(0777);
  EXPECT_TRUE(MakeDirectories(path_ + "/a//b/c/", 0755));
  for (const char* name : {"/a", "/a/b", "/a/b/c"}) EXPECT_EQ(ModeOf(path_ + name), 0755u) << name;
}

TEST_F(MakeDirectoryTest, AGroupThatIsInheritedStaysSo) {
  ASSERT_EQ(chmod(path_.c_str(), 02755), 0);
  umask(0777);
  EXPECT_TRUE(MakeDirectory(path_ + "/a", 0755));
  EXPECT_EQ(ModeOf(path_ + "/a"), 02755u);
}

TEST_F(MakeDirectoryTest, WhatCannotBeMadeIsTold) {
  EXPECT_FALSE(MakeDirectory(path_ + "/no/a", 0755));
  EXPECT_EQ(errno, ENOENT);
  EXPECT_FALSE(MakeDirectories("/proc/no-such-folder/a", 0755));
}

}  // namespace
}  // namespace covey
