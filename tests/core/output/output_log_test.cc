#include "core/output/output_log.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "tests/core/output/temp_dir.h"

namespace covey {
namespace {

constexpr size_t kAll = size_t{1} << 30;

// Byte number i of every stream here, so that a read can be checked by its offset.
char ByteAt(uint64_t i) { return static_cast<char>('a' + (i * 7 + i / 251) % 26); }

std::string Bytes(uint64_t from, size_t count) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = ByteAt(from + i);
  return bytes;
}

class OutputLogTest : public ::testing::Test {
 protected:
  std::string Path() const { return dir_.path() + "/group/0.1.out"; }
  OutputLog Open(OutputLog::Bounds bounds = {}) { return OutputLog(Path(), bounds, &fds_); }

  // Reads all from `offset` on; checks each byte, that offsets and gaps fit, and the end. Returns bytes kept.
  static uint64_t ReadAll(OutputLog& log, uint64_t offset, size_t limit = kAll) {
    uint64_t kept = 0;
    const uint64_t size = log.size();
    for (;;) {
      const OutputPiece piece = log.Read(offset, limit, true);
      EXPECT_EQ(piece.offset, offset + piece.dropped);
      EXPECT_LE(piece.bytes.size(), limit);
      EXPECT_EQ(piece.bytes, Bytes(piece.offset, piece.bytes.size())) << "at " << piece.offset;
      offset = piece.offset + piece.bytes.size();
      kept += piece.bytes.size();
      if (piece.end) break;
      if (piece.bytes.empty() && piece.dropped == 0) {
        ADD_FAILURE() << "no progress at " << offset;
        break;
      }
    }
    EXPECT_GE(offset, size);
    return kept;
  }

  TempDir dir_;
  FdCache fds_{4};
};

TEST_F(OutputLogTest, WithoutOutputThereIsNoFile) {
  OutputLog log = Open();
  log.Finish();
  EXPECT_EQ(log.size(), 0u);
  EXPECT_TRUE(log.Read(0, 10, true).end);
  EXPECT_FALSE(log.Read(0, 10, false).end);
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(OutputLogTest, AShortStreamIsOneFileOfItsBytes) {
  OutputLog log = Open();
  log.Append("hello ");
  log.Append("world\n");
  std::ifstream in(Path());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "hello world\n");
  const OutputPiece piece = log.Read(6, 100, false);
  EXPECT_EQ(piece.bytes, "world\n");
  EXPECT_EQ(piece.offset, 6u);
  EXPECT_EQ(piece.dropped, 0u);
  EXPECT_FALSE(piece.end);
  EXPECT_TRUE(log.Read(6, 100, true).end);
  EXPECT_FALSE(log.Read(6, 3, true).end);
  const OutputPiece beyond = log.Read(500, 100, true);
  EXPECT_EQ(beyond.offset, 500u);
  EXPECT_TRUE(beyond.end);
}

// The first and the last bytes are kept whatever the sizes of the writes, during, after, and after a restart.
TEST_F(OutputLogTest, HeadAndTailAreKeptForRandomWrites) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 150; ++round) {
    std::filesystem::remove_all(dir_.path() + "/group");
    const OutputLog::Bounds bounds{.head = random() % 300, .tail = random() % 300};
    OutputLog log = Open(bounds);
    uint64_t size = 0;
    for (size_t i = random() % 40; i > 0; --i) {
      const size_t count = random() % 3 == 0 ? random() % 700 : random() % 20;
      log.Append(Bytes(size, count));
      size += count;
      ASSERT_EQ(log.size(), size);
      ReadAll(log, random() % (size + 10), random() % 3 == 0 ? 1 + random() % 5 : kAll);
    }
    log.Finish();
    OutputLog again(Path(), bounds, nullptr);
    for (OutputLog* either : {&log, &again}) {
      ASSERT_EQ(either->size(), size) << "round " << round;
      const uint64_t kept = ReadAll(*either, 0);
      const uint64_t least = std::min(size, bounds.head + bounds.tail);
      EXPECT_GE(kept, least);
      // The newest segment and the oldest one that is still needed may each hold a quarter more.
      EXPECT_LE(kept, least + bounds.tail / 2 + 2);
      const uint64_t head = std::min(size, bounds.head);
      if (head > 0) {
        EXPECT_EQ(either->Read(0, kAll, true).bytes.size(), head);
      }
      const uint64_t tail = std::min(size, bounds.tail);
      EXPECT_EQ(either->Read(size - tail, kAll, true).dropped, 0u);
      EXPECT_EQ(ReadAll(*either, size - tail), tail);
    }
  }
}

TEST_F(OutputLogTest, AGapIsToldByItsSize) {
  OutputLog log = Open({.head = 10, .tail = 20});
  log.Append(Bytes(0, 1000));
  EXPECT_EQ(log.Read(0, kAll, false).bytes.size(), 10u);
  const OutputPiece piece = log.Read(10, kAll, false);
  EXPECT_GE(piece.offset, 970u);
  EXPECT_LE(piece.offset, 980u);
  EXPECT_EQ(piece.dropped, piece.offset - 10);
}

TEST_F(OutputLogTest, AnInterruptedStreamGoesOn) {
  {
    OutputLog log = Open({.head = 10, .tail = 100});
    log.Append(Bytes(0, 45));
  }
  OutputLog log = Open({.head = 10, .tail = 100});
  log.Append(Bytes(45, 30));
  EXPECT_EQ(log.size(), 75u);
  EXPECT_EQ(ReadAll(log, 0), 75u);
}

TEST_F(OutputLogTest, ManyStreamsShareFewDescriptors) {
  std::vector<std::unique_ptr<OutputLog>> logs;
  for (int i = 0; i < 50; ++i) {
    logs.push_back(
        std::make_unique<OutputLog>(dir_.path() + "/group/" + std::to_string(i), OutputLog::Bounds{}, &fds_));
  }
  for (uint64_t round = 0; round < 5; ++round) {
    for (const auto& log : logs) log->Append(Bytes(round * 10, 10));
    EXPECT_LE(fds_.size(), 4u);
  }
  for (const auto& log : logs) EXPECT_EQ(ReadAll(*log, 0), 50u);
}

// A bound on the size of files stands for a full disk: a write comes to an end in the middle.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(OutputLogTest, WhatFindsNoRoomIsAGap) {
  OutputLog log = Open({.head = 1000, .tail = 1000});
  log.Append(Bytes(0, 100));
  {
    const FullDisk full(150);
    log.Append(Bytes(100, 100));
  }
  EXPECT_EQ(log.size(), 200u);
  log.Append(Bytes(200, 50));
  const OutputPiece piece = log.Read(150, kAll, false);
  EXPECT_EQ(piece.dropped, 50u);
  EXPECT_EQ(piece.offset, 200u);
  EXPECT_EQ(ReadAll(log, 0), 200u);
  log.Finish();
  OutputLog again(Path(), {}, nullptr);
  EXPECT_EQ(ReadAll(again, 0), 200u);
  EXPECT_EQ(again.size(), 250u);
}

TEST_F(OutputLogTest, ADroppedEndIsRemembered) {
  OutputLog log = Open({.head = 1000, .tail = 1000});
  {
    const FullDisk full(30);
    log.Append(Bytes(0, 100));
    EXPECT_EQ(log.Read(30, kAll, false).dropped, 70u);
    log.Append(Bytes(100, 100));
  }
  log.Finish();
  for (OutputLog* either :
       {&log, std::make_unique<OutputLog>(Path(), OutputLog::Bounds{}, nullptr).release()}) {
    EXPECT_EQ(either->size(), 200u);
    const OutputPiece piece = either->Read(150, kAll, true);  // behind what the second write could keep
    EXPECT_EQ(piece.offset + piece.bytes.size(), 200u);
    EXPECT_TRUE(piece.end);
    if (either != &log) delete either;
  }
}

TEST_F(OutputLogTest, ADiskThatIsFullFromTheStartLosesOnlyWhatItMust) {
  OutputLog log = Open({.head = 100, .tail = 100});
  {
    const FullDisk full(0);
    log.Append(Bytes(0, 40));
  }
  log.Append(Bytes(40, 30));
  const OutputPiece piece = log.Read(0, kAll, false);
  EXPECT_EQ(piece.dropped, 40u);
  EXPECT_EQ(piece.bytes, Bytes(40, 25));  // one segment: a quarter of the tail
  EXPECT_EQ(log.Read(65, kAll, false).bytes, Bytes(65, 5));
}

// Its group is purged while it is written: what comes after that makes no file again, nor does its end.
TEST_F(OutputLogTest, WhatIsAbandonedIsNotMadeAgain) {
  OutputLog log = Open();
  log.Append("some");
  log.Abandon();
  std::filesystem::remove_all(dir_.path() + "/group");
  log.Append("more");
  log.Finish();
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/group"));
}

TEST_F(OutputLogTest, TheDirectoryIsForItsOwnerWhateverTheUmask) {
  const mode_t before = ::umask(0177);
  OutputLog log = Open();
  log.Append("out");
  ::umask(before);
  struct stat info {};
  ASSERT_EQ(::stat((dir_.path() + "/group").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST_F(OutputLogTest, AMissingDirectoryThatCannotBeMadeDropsBytes) {
  OutputLog log(dir_.path() + "/no/such/file", {}, &fds_);
  log.Append("lost");
  EXPECT_EQ(log.size(), 4u);
  const OutputPiece piece = log.Read(0, kAll, true);
  EXPECT_EQ(piece.dropped, 4u);
  EXPECT_TRUE(piece.end);
}

// Somebody deletes files of a stream that is still written: its reader goes on behind them.
TEST_F(OutputLogTest, ASegmentThatCannotBeReadIsAGap) {
  OutputLog log = Open({.head = 20, .tail = 400});
  log.Append(Bytes(0, 50));
  ASSERT_TRUE(std::filesystem::remove(Path()));
  const OutputPiece head = log.Read(5, kAll, false);
  EXPECT_EQ(head.offset, 20u);
  EXPECT_EQ(head.dropped, 15u);
  EXPECT_TRUE(head.bytes.empty());
  EXPECT_FALSE(head.end);
  EXPECT_EQ(ReadAll(log, 0), 30u);

  ASSERT_TRUE(std::filesystem::remove(Path() + ".1"));
  log.Append(Bytes(50, 100));
  const OutputPiece tail = log.Read(30, kAll, false);
  EXPECT_EQ(tail.offset, 120u) << "the segment took a quarter of the tail";
  EXPECT_EQ(tail.dropped, 90u);
  EXPECT_EQ(ReadAll(log, 0), 30u);
}

// What a crash may leave: files cut off anywhere, missing, or filled with something else.
TEST_F(OutputLogTest, TornFilesAreReadAsFarAsTheyAreSound) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 300; ++round) {
    std::filesystem::remove_all(dir_.path() + "/group");
    const OutputLog::Bounds bounds{.head = 50, .tail = 200};
    {
      OutputLog log = Open(bounds);
      for (uint64_t at = 0; at < 700; at += 35) log.Append(Bytes(at, 35));
    }
    for (const auto& entry : std::filesystem::directory_iterator(dir_.path() + "/group")) {
      const uint64_t size = entry.file_size();
      switch (random() % 5) {
        case 0:
          std::filesystem::resize_file(entry.path(), random() % (size + 1));
          break;
        case 1:
          std::filesystem::remove(entry.path());
          break;
        case 2: {
          std::fstream file(entry.path());
          file.seekp(static_cast<std::streamoff>(random() % 24));
          file.put(static_cast<char>(random()));
          break;
        }
        default:
          break;
      }
    }
    OutputLog log(Path(), bounds, &fds_);
    const uint64_t size = log.size();
    ASSERT_LE(size, 700u);
    uint64_t offset = 0;
    while (offset < size) {
      const OutputPiece piece = log.Read(offset, 1 + random() % 100, true);
      ASSERT_EQ(piece.offset, offset + piece.dropped);
      ASSERT_GT(piece.offset + piece.bytes.size(), offset) << "no progress";
      offset = piece.offset + piece.bytes.size();
    }
    ASSERT_EQ(offset, size);
    log.Append(Bytes(size, 300));
    ASSERT_EQ(log.size(), size + 300);
    EXPECT_EQ(log.Read(size + 200, kAll, true).bytes,
              Bytes(size + 200, log.Read(size + 200, kAll, true).bytes.size()));
    EXPECT_EQ(ReadAll(log, size + 200), 100u);
  }
}

}  // namespace
}  // namespace covey
