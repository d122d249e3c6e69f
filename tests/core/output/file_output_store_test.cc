#include "core/output/file_output_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <latch>
#include <thread>

#include "core/base/unique_fd.h"
#include "tests/core/base/watched_thread.h"
#include "tests/core/output/store_test.h"

namespace covey {
namespace {

using FileOutputStoreTest = StoreTest;

TEST_F(FileOutputStoreTest, AnUnknownAttemptIsAtItsEnd) {
  const OutputPiece piece = store_->Read(Key("g", 0), 0, 100);
  EXPECT_TRUE(piece.end);
  EXPECT_TRUE(piece.bytes.empty());
  EXPECT_EQ(store_->Size(Key("g", 0)), 0u);
}

TEST_F(FileOutputStoreTest, AStreamEndsWithItsAttempt) {
  store_->Begin("g", 0, 1, false);
  EXPECT_FALSE(store_->Read(Key("g", 0), 0, 100).end);
  Write(Key("g", 0), "out");
  Write(Key("g", 0, OutputStream::kStderr), "error");
  EXPECT_EQ(store_->Read(Key("g", 0), 0, 100).bytes, "out");
  EXPECT_FALSE(store_->Read(Key("g", 0), 0, 100).end);
  Finish("g", 0);
  Finish("g", 0);
  EXPECT_EQ(store_->Read(Key("g", 0), 0, 100).bytes, "out");
  EXPECT_TRUE(store_->Read(Key("g", 0), 0, 100).end);
  EXPECT_EQ(store_->Read(Key("g", 0, OutputStream::kStderr), 1, 2).bytes, "rr");
  EXPECT_FALSE(store_->Read(Key("g", 0, OutputStream::kStderr), 1, 2).end);
  EXPECT_EQ(store_->Size(Key("g", 0, OutputStream::kStderr)), 5u);
}

TEST_F(FileOutputStoreTest, AttemptsTasksAndGroupsAreApart) {
  Write({.group = "g", .task = 1, .attempt = 1}, "first");
  Write({.group = "g", .task = 1, .attempt = 2}, "second");
  Write({.group = "g", .task = 2, .attempt = 1}, "other task");
  Write({.group = "h", .task = 1, .attempt = 1}, "other group");
  Finish("g", 1);
  EXPECT_EQ(store_->Read({.group = "g", .task = 1, .attempt = 1}, 0, 100).bytes, "first");
  EXPECT_EQ(store_->Read({.group = "g", .task = 1, .attempt = 2}, 0, 100).bytes, "second");
  EXPECT_FALSE(store_->Read({.group = "g", .task = 1, .attempt = 2}, 0, 100).end);
  EXPECT_EQ(store_->Read({.group = "g", .task = 2, .attempt = 1}, 0, 100).bytes, "other task");
  EXPECT_EQ(store_->Read({.group = "h", .task = 1, .attempt = 1}, 0, 100).bytes, "other group");
}

TEST_F(FileOutputStoreTest, WhatWasWrittenIsReadAfterARestart) {
  store_ = nullptr;
  store_ = OpenStore(dir_.path() + "/output", {.head = 10, .tail = 40});
  Write(Key("g", 0), std::string(1000, 'x'));
  store_ = nullptr;
  store_ = OpenStore(dir_.path() + "/output", {.head = 10, .tail = 40});
  EXPECT_EQ(store_->Size(Key("g", 0)), 1000u);
  const OutputPiece piece = store_->Read(Key("g", 0), 990, 100);
  EXPECT_EQ(piece.bytes.size(), 10u);
  EXPECT_TRUE(piece.end) << "nothing runs any more";
}

TEST_F(FileOutputStoreTest, FilesAreTheOwnersAlone) {
  Write(Key("g", 0), "secret");
  struct stat info {};
  ASSERT_EQ(::stat((dir_.path() + "/output/g/0.1.out").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((dir_.path() + "/output/g").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(FileOutputStoreTest, NoIdLeadsOutOfTheDirectory) {
  for (const std::string& group :
       {std::string("../up"), std::string(".."), std::string("."), std::string(""), std::string("a/b"),
        std::string(".purge-1"), std::string("nul\0", 4), std::string("%")}) {
    Write(Key(group, 0), group + "!");
    EXPECT_EQ(store_->Read(Key(group, 0), 0, 100).bytes, group + "!");
    Finish(group, 0);
    EXPECT_EQ(store_->Read(Key(group, 0), 0, 100).bytes, group + "!");
  }
  int outside = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir_.path())) ++outside;
  EXPECT_EQ(outside, 1);
}

TEST_F(FileOutputStoreTest, AnUnusableDirectoryIsNamed) {
  const auto opened = FileOutputStore::Open({.directory = dir_.path() + "/a/b"});
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find(dir_.path() + "/a/b"), std::string::npos);
}

TEST_F(FileOutputStoreTest, SubscribersHearOfTheirGroupUntilTheyEnd) {
  std::vector<std::string> heard;
  std::shared_ptr<void> subscription =
      store_->Subscribe("g", std::nullopt, [&](uint32_t task, uint32_t attempt, OutputStream stream) {
        heard.push_back(std::to_string(task) + "." + std::to_string(attempt) +
                        (stream == OutputStream::kStderr ? "e" : "o"));
      });
  const std::shared_ptr<void> other =
      store_->Subscribe("g", std::nullopt, [](uint32_t, uint32_t, OutputStream) {});
  Write(Key("g", 3), "x");
  Write(Key("h", 4), "x");
  Write(Key("g", 3, OutputStream::kStderr), "x");
  Finish("g", 3);
  EXPECT_EQ(heard, (std::vector<std::string>{"3.1o", "3.1e", "3.1o", "3.1e"}));
  subscription = nullptr;
  Write(Key("g", 5), "x");
  EXPECT_EQ(heard.size(), 4u);
}

TEST_F(FileOutputStoreTest, SubscribersToOneTaskHearOfItAlone) {
  std::vector<uint32_t> heard;
  const auto hear = [&](uint32_t task, uint32_t, OutputStream) { heard.push_back(task); };
  std::shared_ptr<void> first = store_->Subscribe("g", 1, hear);
  std::shared_ptr<void> second = store_->Subscribe("g", 2, hear);
  std::shared_ptr<void> all = store_->Subscribe("g", std::nullopt, hear);
  Write(Key("g", 1), "x");
  Write(Key("g", 3), "x");
  EXPECT_EQ(heard, (std::vector<uint32_t>{1, 1, 3}));
  all = nullptr;
  store_->Begin("g", 2, 1, /*paced=*/false);
  Finish("g", 2);
  EXPECT_EQ(heard, (std::vector<uint32_t>{1, 1, 3, 2, 2})) << "of both streams";
  second = nullptr;
  Write(Key("g", 2), "x");
  Write(Key("g", 1), "x");
  first = nullptr;
  Write(Key("g", 1), "x");
  EXPECT_EQ(heard, (std::vector<uint32_t>{1, 1, 3, 2, 2, 1}));
}

TEST_F(FileOutputStoreTest, TheSizeOfWhatRunsIsKnownWithoutItsFiles) {
  EXPECT_FALSE(store_->SizeOfRunning(Key("g", 0)));
  store_->Begin("g", 0, 1, /*paced=*/false);
  EXPECT_EQ(store_->SizeOfRunning(Key("g", 0)), 0u);
  Write(Key("g", 0), "12345");
  EXPECT_EQ(store_->SizeOfRunning(Key("g", 0)), 5u);
  EXPECT_EQ(store_->SizeOfRunning(Key("g", 0, OutputStream::kStderr)), 0u);
  Finish("g", 0);
  EXPECT_FALSE(store_->SizeOfRunning(Key("g", 0)));
  EXPECT_EQ(store_->Size(Key("g", 0)), 5u);
}

TEST_F(FileOutputStoreTest, ASubscriptionEndsWithACallThatIsUnderWay) {
  Gate inside;
  Gate go_on;
  std::shared_ptr<void> subscription =
      store_->Subscribe("g", std::nullopt, [&](uint32_t, uint32_t, OutputStream) {
        inside.Open();
        go_on.Wait();
      });
  store_->Write(Key("g", 0), "x");
  inside.Wait();
  {
    const WatchedThread ender([&] { subscription = nullptr; });
    EXPECT_TRUE(ender.ComesToRest());
    EXPECT_FALSE(ender.returned());
    go_on.Open();
  }
  EXPECT_EQ(subscription, nullptr);
}

TEST_F(FileOutputStoreTest, ASubscriberMayReadAndEndItself) {
  std::string read;
  std::shared_ptr<void> subscription;
  subscription = store_->Subscribe("g", std::nullopt, [&](uint32_t task, uint32_t, OutputStream) {
    read += store_->Read(Key("g", task), 0, 100).bytes;
    subscription = nullptr;
  });
  Write(Key("g", 0), "once");
  Write(Key("g", 0), "twice");
  EXPECT_EQ(read, "once");
}

TEST_F(FileOutputStoreTest, APurgedGroupIsGoneAndItsFilesGo) {
  Write(Key("g", 0), "finished");
  Finish("g", 0);
  Write(Key("g", 1), "running");
  Write(Key("h", 0), "stays");
  store_->Purge("g");
  store_->Purge("absent");
  EXPECT_EQ(store_->Size(Key("g", 0)), 0u);
  EXPECT_EQ(store_->Size(Key("g", 1)), 0u);
  EXPECT_EQ(store_->Read(Key("h", 0), 0, 100).bytes, "stays");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto entries = [&] {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir_.path() + "/output"))
      ++count;
    return count;
  };
  while (entries() > 1 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(entries(), 1u);
}

// A write stands still in the file system when its group is purged, and goes on afterwards.
TEST_F(FileOutputStoreTest, AWriteUnderWayBringsNoPurgedGroupBack) {
  store_ = nullptr;
  store_ = OpenStore(dir_.path() + "/output", {.head = 10, .tail = 40});
  Write(Key("g", 0), "first");
  for (uint32_t task = 0; task < 8; ++task) Write(Key("h", task), "x");  // takes its descriptor away
  // In place of its file stands a FIFO, which opens when somebody reads.
  const std::string file = dir_.path() + "/output/g/0.1.out";
  const std::string fifo = dir_.path() + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ASSERT_TRUE(std::filesystem::remove(file));
  std::filesystem::create_hard_link(fifo, file);
  UniqueFd reader;
  {
    const WatchedThread writer([&] { Write(Key("g", 0), std::string(40, 'x')); });
    EXPECT_TRUE(writer.ComesToRest());
    EXPECT_FALSE(writer.returned());
    const WatchedThread purger([&] { store_->Purge("g"); });
    EXPECT_TRUE(purger.ComesToRest());
    reader.Reset(::open(fifo.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    EXPECT_TRUE(reader);
  }
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/output/g"));
}

TEST_F(FileOutputStoreTest, TrashOfAnEarlierRunIsDeleted) {
  const std::string trash = dir_.path() + "/output/.purge-7";
  std::filesystem::create_directory(trash);
  std::filesystem::create_directory(trash + "-2");
  store_ = nullptr;
  store_ = OpenStore(dir_.path() + "/output");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::filesystem::exists(trash) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_FALSE(std::filesystem::exists(trash));
}

TEST_F(FileOutputStoreTest, TrashThatIsALinkLeadsNowhere) {
  const std::string others = dir_.path() + "/others";
  std::filesystem::create_directory(others);
  std::ofstream(others + "/precious") << "precious";
  std::filesystem::create_directory_symlink(others, dir_.path() + "/output/.purge-7");
  const std::string trash = dir_.path() + "/output/.purge-6";
  std::filesystem::create_directory(trash);
  store_ = nullptr;
  store_ = OpenStore(dir_.path() + "/output");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::filesystem::exists(trash) && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  store_ = nullptr;  // whatever is under way has ended
  EXPECT_TRUE(std::filesystem::exists(others + "/precious"));
}

TEST_F(FileOutputStoreTest, DescriptorsAreFewWhateverRuns) {
  for (uint32_t task = 0; task < 200; ++task) Write(Key("g", task), "x");
  EXPECT_LE(store_->open_files(), 8u);
  for (uint32_t task = 0; task < 200; ++task) Write(Key("g", task), "y");
  for (uint32_t task = 0; task < 200; ++task) {
    Finish("g", task);
    EXPECT_EQ(store_->Read(Key("g", task), 0, 10).bytes, "xy");
  }
  EXPECT_EQ(store_->open_files(), 0u);
}

TEST_F(FileOutputStoreTest, FinishTellsWhatWasWrittenAndWhatWasNotKept) {
  store_ = nullptr;
  store_ = OpenStore(dir_.path() + "/output", {.head = 10, .tail = 40});
  store_->Begin("g", 0, 1, false);
  EXPECT_EQ(Finish("g", 0), OutputSizes());
  store_->Begin("g", 1, 1, false);
  for (int i = 0; i < 100; ++i) Write(Key("g", 1), "0123456789");
  Write(Key("g", 1, OutputStream::kStderr), "error");
  const OutputSizes sizes = Finish("g", 1);
  EXPECT_EQ(sizes.standard_output, 1000u);
  uint64_t dropped = 0;
  for (uint64_t offset = 0; offset < 1000;) {
    const OutputPiece piece = store_->Read(Key("g", 1), offset, 1000);
    dropped += piece.dropped;
    offset = piece.offset + piece.bytes.size();
  }
  EXPECT_EQ(sizes.standard_output_lost, dropped);
  EXPECT_GE(dropped, 940u);
  EXPECT_EQ(sizes.standard_error, 5u);
  EXPECT_EQ(sizes.standard_error_lost, 0u);
}

// A paced stream writes ahead of its reader by the window, and all of that can be read.
TEST_F(FileOutputStoreTest, FollowersSeeEveryOffsetOnceOrAsAGap) {
  store_ = nullptr;
  store_ = OpenStore(dir_.path() + "/output", {.head = 1000, .tail = 4000});
  constexpr int kFollowers = 3;
  constexpr uint64_t kWrites = 2000;
  store_->Begin("g", 0, 1, false);
  std::latch start(kFollowers + 1);
  std::vector<std::thread> followers;
  for (int f = 0; f < kFollowers; ++f) {
    followers.emplace_back([&] {
      std::atomic<uint64_t> changes = 0;
      const auto subscription = store_->Subscribe("g", std::nullopt, [&](uint32_t, uint32_t, OutputStream) {
        ++changes;
        changes.notify_one();
      });
      start.arrive_and_wait();
      uint64_t offset = 0;
      for (;;) {
        const uint64_t seen = changes;
        const OutputPiece piece = store_->Read(Key("g", 0), offset, 777);
        EXPECT_EQ(piece.offset, offset + piece.dropped);
        for (size_t i = 0; i < piece.bytes.size(); ++i) {
          ASSERT_EQ(piece.bytes[i], static_cast<char>((piece.offset + i) % 251));
        }
        offset = piece.offset + piece.bytes.size();
        if (piece.end) break;
        if (piece.bytes.empty() && piece.dropped == 0) changes.wait(seen);
      }
      EXPECT_EQ(offset, kWrites * 37);
    });
  }
  start.arrive_and_wait();
  uint64_t at = 0;
  for (uint64_t i = 0; i < kWrites; ++i) {
    std::string bytes(37, '\0');
    for (char& c : bytes) c = static_cast<char>(at++ % 251);
    store_->Write(Key("g", 0), bytes);
  }
  Finish("g", 0);
  for (std::thread& follower : followers) follower.join();
}

// Race: many tasks of a few groups begin, write, finish and are read, subscribed and purged at once.
TEST_F(FileOutputStoreTest, EverythingAtOnce) {
  constexpr uint32_t kThreads = 4;
  std::atomic<uint32_t> finished = 0;
  std::latch start(kThreads);
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      for (uint32_t i = 0; i < 200; ++i) {
        const std::string group = "g" + std::to_string(i % 3);
        const uint32_t task = t * 1000 + i;
        const auto subscription =
            store_->Subscribe(group, std::nullopt, [](uint32_t, uint32_t, OutputStream) {});
        store_->Begin(group, task, 1, i % 2 == 0);
        store_->Write(Key(group, task), "some output");
        (void)store_->Read(Key(group, (t + 1) % kThreads * 1000 + i), 0, 100);
        store_->Finish(group, task, 1, [&](const OutputSizes&) { ++finished; });
        if (i % 50 == 49) store_->Purge(group);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  store_->Flush();
  EXPECT_EQ(finished, kThreads * 200);
}

}  // namespace
}  // namespace covey
