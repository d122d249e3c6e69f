#include "core/process/leftovers.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/process/owner.h"
#include "core/process/proc_fs.h"
#include "core/process/root_record.h"
#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

// A program that has ended, reaped.
Owner DeadOwner() {
  const pid_t child = ::fork();
  if (child == 0) ::pause();
  Owner owner = Owner::Self();
  owner.pid = child;
  owner.start_ticks = procfs::ReadStat(child, nullptr)->start_ticks;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return owner;
}

Owner OfAnotherNamespace() {
  Owner owner = Owner::Self();
  ++owner.pid_namespace;
  return owner;
}

TEST(OwnerTest, IsReadAsItIsWritten) {
  const Owner owner{.pid_namespace = 4026531836, .pid = 1234, .start_ticks = 567890};
  EXPECT_EQ(owner.Text(), "4026531836.1234.567890");
  EXPECT_EQ(Owner::Parse(owner.Text()), owner);
  for (const char* text :
       {"", "1", "1.2", "1.2.", "1.2.3.4", "1.2.3 ", " 1.2.3", "a.b.c", "1.99999999999999.3"}) {
    EXPECT_EQ(Owner::Parse(text), std::nullopt) << text;
  }
}

TEST(OwnerTest, TellsTheDeadFromWhomItCannotKnow) {
  EXPECT_EQ(Owner::Self().Look(), Owner::Fate::kAlive);
  EXPECT_EQ(DeadOwner().Look(), Owner::Fate::kDead);
  Owner later = Owner::Self();
  ++later.start_ticks;
  EXPECT_EQ(later.Look(), Owner::Fate::kDead) << "another got its pid";
  EXPECT_EQ(OfAnotherNamespace().Look(), Owner::Fate::kUnknown);
  EXPECT_EQ(Owner().Look(), Owner::Fate::kUnknown);
  const Owner self = Owner::Self();
  const NoDescriptors none;
  EXPECT_EQ(self.Look(), Owner::Fate::kUnknown);
}

class RootRecordTest : public ::testing::Test {
 protected:
  std::optional<RootRecord::Past> Read() const { return RootRecord::Read(path_); }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/roots";
};

TEST_F(RootRecordTest, SaysWhatRunsWhenItsProgramIsGone) {
  {
    RootRecord record(path_);
    record.Add(1, 100, 7);
    record.Add(2, 200, 8);
    record.Remove(1);
    record.Add(3, 300, 9);
    // A pid is used again before the tree that had it is forgotten.
    record.Add(4, 200, 10);
    record.Remove(2);
    record.Remove(99);
  }
  const auto past = Read();
  ASSERT_TRUE(past);
  EXPECT_EQ(past->owner, Owner::Self());
  EXPECT_EQ(past->roots, (std::map<pid_t, uint64_t>{{200, 10}, {300, 9}}));
  EXPECT_GE(past->last_ticks, Owner::Self().start_ticks);
  EXPECT_LE(past->last_ticks, procfs::NowTicks());
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(RootRecordTest, WhatIsNoRecordIsNotBelieved) {
  EXPECT_FALSE(Read());
  std::ofstream(path_)
      << "roots of another kind, and long enough to hold a whole header, as one might think; "
         "and then some more, since a header has a hundred bytes and a little";
  EXPECT_FALSE(Read());
  RootRecord{path_};
  EXPECT_TRUE(Read());
  std::filesystem::resize_file(path_, 50);
  EXPECT_FALSE(Read());
}

TEST_F(RootRecordTest, OneOfAnotherBootIsNotBelieved) {
  RootRecord{path_};
  std::fstream(path_, std::ios::in | std::ios::out).seekp(8) << "00000000-0000-0000-0000-000000000000";
  EXPECT_FALSE(Read());
}

TEST_F(RootRecordTest, ALinkIsNotWrittenThrough) {
  const std::string other = directory_.path() + "/other";
  std::ofstream(other) << "mine";
  std::filesystem::create_symlink(other, path_);
  RootRecord{path_}.Add(1, 100, 7);
  EXPECT_EQ(std::filesystem::file_size(other), 4u);
  EXPECT_TRUE(Read());
}

TEST_F(RootRecordTest, WithoutAPlaceNothingIsKept) {
  RootRecord nowhere("");
  nowhere.Add(1, 100, 7);
  nowhere.Beat();
  RootRecord impossible(directory_.path() + "/no/such");
  impossible.Add(1, 100, 7);
  impossible.Remove(1);
}

class LeftoversTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const pid_t pid : busy_) ::kill(pid, SIGKILL);
    for (const pid_t pid : busy_) ::waitpid(pid, nullptr, 0);
    for (const pid_t pid : Running(nap_)) ::kill(pid, SIGKILL);
    for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
  }

  // Runs `script` in a session of its own, with that token, until `naps` of its naps have begun. The child's pid.
  pid_t Leave(const std::string& token, std::string script, size_t naps = 1) {
    for (size_t at; (at = script.find("NAP")) != std::string::npos;) script.replace(at, 3, "sleep " + nap_);
    const std::string variable = "COVEY_TEST_TOKEN=" + token;
    const size_t before = Sleeping();
    const pid_t child = ::fork();
    if (child == 0) {
      ::setsid();
      const char* const argv[] = {"sh", "-c", script.c_str(), nullptr};
      const char* const with[] = {"PATH=/usr/bin:/bin", variable.c_str(), nullptr};
      const char* const without[] = {"PATH=/usr/bin:/bin", nullptr};
      ::execve("/bin/sh", const_cast<char**>(argv), const_cast<char**>(token.empty() ? without : with));
      ::_exit(127);
    }
    children_.push_back(child);
    EXPECT_TRUE(Eventually([&] { return Sleeping() >= before + naps; }));
    return child;
  }
  // A command line that begins so.
  std::string Sleep() const { return std::string("sleep\0", 6) + nap_; }
  size_t Sleeping() const { return Running(Sleep()).size(); }
  size_t Search(const std::string& record = {}) {
    return KillLeftovers({.token_prefix = instance_,
                          .token_variable = "COVEY_TEST_TOKEN",
                          .record = record,
                          .log = [this](std::string_view line) { log_.emplace_back(line); }});
  }

  const std::string nap_ = UniqueSleep();
  const std::string instance_ = "instance-" + nap_ + ":";
  std::vector<pid_t> children_;
  std::vector<pid_t> busy_;
  std::vector<std::string> log_;
};

TEST_F(LeftoversTest, KillsWhatADeadOwnerLeft) {
  const std::string token = instance_ + DeadOwner().Text() + ":group/0.1";
  Leave(token, "exec NAP");
  Leave(token, "env -i NAP & exec NAP", 2);
  EXPECT_EQ(Search(), 3u);
  EXPECT_EQ(Running(nap_), std::vector<pid_t>());
  EXPECT_EQ(log_, std::vector<std::string>());
}

TEST_F(LeftoversTest, LeavesWhatIsOfOthersAlone) {
  Leave(instance_ + Owner::Self().Text() + ":group/0.1", "exec NAP");  // a living owner
  Leave("other:" + DeadOwner().Text() + ":group/0.1", "exec NAP");     // of another data directory
  const pid_t foreign = Leave(instance_ + OfAnotherNamespace().Text() + ":group/0.1", "exec NAP");
  const pid_t unnamed = Leave(instance_ + "group/0.1", "exec NAP");  // as before owners were named
  EXPECT_EQ(Search(), 0u);
  EXPECT_EQ(Running(nap_).size(), 4u);
  ASSERT_EQ(log_.size(), 2u);
  for (const pid_t pid : {foreign, unnamed}) {
    const std::string begin = "process " + std::to_string(pid) + " (sleep) has the token";
    EXPECT_TRUE(log_[0].starts_with(begin) || log_[1].starts_with(begin)) << log_[0] << log_[1];
  }
}

// Somebody always executes a program there.
TEST_F(LeftoversTest, ABusyMachineDoesNotHoldUpTheSearch) {
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("SCRIPT", "exec sh -c \"$SCRIPT\" ", 1);
      ::execl("/bin/sh", "sh", "-c", "exec sh -c \"$SCRIPT\"", nullptr);
      ::_exit(127);
    }
    busy_.push_back(child);
  }
  Leave(instance_ + DeadOwner().Text() + ":group/0.1", "exec NAP");
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(Search(), 1u);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
}

// The owner of a record is this program, since another cannot be made to write one: it is changed to a dead one.
class RecordedLeftoversTest : public LeftoversTest {
 protected:
  void Record(pid_t root, const Owner& owner) {
    {
      RootRecord record(path_);
      record.Add(1, root, procfs::ReadStat(root, nullptr)->start_ticks);
    }
    constexpr int kOwnerPid = 56;
    const auto pid = static_cast<uint64_t>(owner.pid);
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(kOwnerPid);
    file.write(reinterpret_cast<const char*>(&pid), sizeof pid);
    file.write(reinterpret_cast<const char*>(&owner.start_ticks), sizeof owner.start_ticks);
  }

  TemporaryDirectory directory_;
  const std::string path_ = directory_.path() + "/roots";
};

TEST_F(RecordedLeftoversTest, ASessionOfARecordedRootIsKilled) {
  const Owner owner = DeadOwner();
  const pid_t root = Leave("", "env -i NAP & exec sleep 1" + nap_);
  ASSERT_TRUE(Eventually([this] { return Sleeping() == 1; }));
  Record(root, owner);
  ::kill(root, SIGKILL);
  ::waitpid(root, nullptr, 0);
  EXPECT_EQ(Search(path_), 1u);
  EXPECT_EQ(Running(nap_), std::vector<pid_t>());
}

// By then the root may have ended, and its number be that of another session.
TEST_F(RecordedLeftoversTest, ASessionIsNotItsRootsAfterTheRecordsEnd) {
  const Owner owner = DeadOwner();
  const std::string fifo = directory_.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const pid_t root = Leave("", "read x < " + fifo + "; env -i NAP & exec sleep 1" + nap_, 0);
  Record(root, owner);
  const uint64_t recorded = procfs::NowTicks();
  ASSERT_TRUE(Eventually([recorded] { return procfs::NowTicks() > recorded; }));
  std::ofstream(fifo) << "go on\n";
  ASSERT_TRUE(Eventually([this] { return Sleeping() == 1; }));
  ::kill(root, SIGKILL);
  ::waitpid(root, nullptr, 0);
  EXPECT_EQ(Search(path_), 0u);
  EXPECT_EQ(Running(nap_).size(), 1u);
}

TEST_F(RecordedLeftoversTest, WhatHasShedEverythingIsReported) {
  const Owner owner = DeadOwner();
  const pid_t root = Leave("", "setsid env -i NAP & exec sleep 1" + nap_);
  ASSERT_TRUE(Eventually([this] { return Sleeping() == 1; }));
  Record(root, owner);
  ::kill(root, SIGKILL);
  ::waitpid(root, nullptr, 0);
  const pid_t shed = Running(Sleep()).front();
  ASSERT_TRUE(Eventually([shed, root] { return procfs::ReadStat(shed, nullptr)->parent != root; }));
  EXPECT_EQ(Search(path_), 0u);
  EXPECT_EQ(Running(nap_).size(), 1u);
  size_t told = 0;
  size_t cut = 0;  // what other tests have orphaned meanwhile is told as well, and a long list is cut
  for (const std::string& line : log_) {
    // It may not have come to its last program yet.
    told += line.starts_with("process " + std::to_string(shed) + " (") &&
            line.find(" may be left of a task") != std::string::npos;
    cut += line.ends_with(" like these");
  }
  EXPECT_EQ(told + cut, 1u) << ::testing::PrintToString(log_);
}

TEST_F(RecordedLeftoversTest, TheRecordOfALivingOwnerIsNotUsed) {
  const pid_t root = Leave("", "exec NAP");
  Record(root, Owner::Self());
  EXPECT_EQ(Search(path_), 0u);
  EXPECT_EQ(Running(nap_).size(), 1u);
  EXPECT_EQ(log_, std::vector<std::string>());
}

}  // namespace
}  // namespace covey::testing
