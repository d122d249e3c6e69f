#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "tests/server/journal/fault_vfs.h"
#include "tests/server/journal/sqlite_support.h"
#include "tests/server/journal/version_2.h"

// Promise 12 under SIGKILL. The program runs itself as a child that appends and writes "group head\n" to a
// pipe for each answer; the parent kills it at some answer and looks at what the journal holds. Likewise a
// child that migrates.
namespace covey {
namespace {

constexpr int kThreads = 4;

// Appends of one group, each with a number of records that tells where it begins and ends: 1, then 1 + head
// % 7.
size_t AppendSize(uint64_t head) { return 1 + head % 7; }

[[noreturn]] void RunChild(const std::string& directory, const std::string& round) {
  OpenJournal open({.directory = directory});
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&open, &round, t] {
      Client client(*open.journal);
      Writer group("g" + round + "-" + std::to_string(t), open.epoch);
      Append append = group.Create();
      for (;;) {
        const std::string id = append.group;
        const AppendResult result = client.Send(append);
        if (result.kind != AppendResult::Kind::kCommitted) std::_Exit(3);
        const std::string line = id + " " + std::to_string(result.head) + "\n";
        if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
          std::_Exit(4);
        append = group.Tasks(AppendSize(result.head), std::string(200, 'x'));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::_Exit(0);
}

// Runs this program with `arguments`, its standard output in `out` where that is given.
pid_t StartChild(std::vector<std::string> arguments, int out = -1) {
  std::string program = "journal_crash_test";
  std::vector<char*> argv = {program.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    if (out >= 0) ::dup2(out, STDOUT_FILENO);
    ::execv("/proc/self/exe", argv.data());
    std::_Exit(5);
  }
  return child;
}

// Opens a journal, and is killed at the write with that number.
[[noreturn]] void RunMigration(const std::string& directory, const std::string& write) {
  FaultVfs faults;
  faults.kill_at_write = std::stoi(write);
  const auto opened = OpenSqliteJournal({.directory = directory, .vfs = FaultVfs::kName});
  std::_Exit(opened.ok() ? 0 : 3);
}

// What the child had answered before it was killed after `answers` of them.
std::map<std::string, uint64_t> KillAfter(const std::string& directory, int round, int answers) {
  int ends[2];
  if (::pipe(ends) != 0) std::abort();
  const pid_t child = StartChild({"--child", directory, std::to_string(round)}, ends[1]);
  ::close(ends[1]);
  FILE* in = ::fdopen(ends[0], "r");
  std::map<std::string, uint64_t> acknowledged;
  char group[64];
  unsigned long long head = 0;
  for (int i = 0; std::fscanf(in, "%63s %llu\n", group, &head) == 2; ++i) {
    acknowledged[group] = std::max<uint64_t>(acknowledged[group], head);
    if (i == answers) ::kill(child, SIGKILL);
  }
  std::fclose(in);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  return acknowledged;
}

TEST(JournalCrash, WhatWasAcknowledgedIsThereWholeAndWithoutAGap) {
  TempDir dir;
  std::mt19937 random(11);
  std::map<std::string, uint64_t> acknowledged;
  for (int round = 0; round < 12; ++round) {
    acknowledged.merge(KillAfter(dir.path(), round, 1 + static_cast<int>(random() % 400)));
    OpenJournal open({.directory = dir.path()});
    for (const auto& [group, head] : acknowledged) {
      const std::vector<Record> records = open.client->Read(group).value();
      ASSERT_GE(records.size(), head) << group;
      for (size_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i].number, i + 1) << group;
      uint64_t boundary = 1;
      while (boundary < records.size()) boundary += AppendSize(boundary);
      EXPECT_EQ(boundary, records.size()) << group << ": an append is there in part";
      EXPECT_EQ(open.client->Head(group).value(), records.size());
    }
    EXPECT_GE(open.client->List().value().groups.size(), acknowledged.size());
  }
}

// Whichever write a kill meets, the next start finds the whole journal, and migrates it unless that was done.
TEST(JournalCrash, AMigrationThatIsKilledIsDoneAgain) {
  std::mt19937 random(3);
  int again = 0;
  int done = 0;
  int status = -1;
  for (int write = 1; status != 0; write += 1 + static_cast<int>(random() % 9)) {
    ASSERT_LT(write, 100'000);
    TempDir dir;
    MakeVersion2(dir.path());
    const pid_t child = StartChild({"--migrate", dir.path(), std::to_string(write)});
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) << status;
    std::vector<std::string> log;
    OpenJournal open(
        {.directory = dir.path(), .log = [&log](const std::string& line) { log.push_back(line); }});
    ++(log.empty() ? done : again);
    ASSERT_EQ(open.client->List().value().groups.size(), 10u);
    for (int i = 0; i < 10; ++i)
      ASSERT_EQ(open.client->Read("g" + std::to_string(i)).value().size(), 601u) << "write " << write;
  }
  EXPECT_GT(again, 10);
  EXPECT_GE(done, 1);
}

}  // namespace
}  // namespace covey

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--child") covey::RunChild(argv[2], argv[3]);
  if (argc == 4 && std::string(argv[1]) == "--migrate") covey::RunMigration(argv[2], argv[3]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
