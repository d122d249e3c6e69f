#include "core/output/output_times.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "core/output/output_log.h"
#include "tests/core/output/store_test.h"

namespace covey {
namespace {

using std::chrono::milliseconds;

WallTime At(int64_t millis) { return WallTime(milliseconds(millis)); }

class OutputTimesTest : public ::testing::Test {
 protected:
  std::string Path() const { return dir_.path() + "/0.1.out"; }

  TempDir dir_;
};

TEST_F(OutputTimesTest, ABytesTimeIsThatOfTheMarkBefore) {
  OutputTimes times(Path());
  EXPECT_TRUE(times.Between(0, 100).empty());
  times.Mark(10, At(1000));
  times.Mark(20, At(2000));
  times.Mark(30, At(3000));
  const auto all = times.Between(0, 100);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all.front(), (OutputTime{10, At(1000)})) << "of what comes before nothing is known";
  EXPECT_EQ(times.Between(15, 21), (std::vector<OutputTime>{{15, At(1000)}, {20, At(2000)}}));
  EXPECT_EQ(times.Between(20, 30), (std::vector<OutputTime>{{20, At(2000)}}));
  EXPECT_EQ(times.Between(500, 501), (std::vector<OutputTime>{{500, At(3000)}}));
  EXPECT_TRUE(times.Between(50, 50).empty());
}

TEST_F(OutputTimesTest, MarksAreNotNearerThanTheyMayBe) {
  OutputTimes times(Path());
  times.Mark(0, At(1000));
  times.Mark(1, At(1099));
  times.Mark(2, At(1100));
  times.Mark(2, At(9000));
  times.Mark(3, At(500));  // the clock was set back
  EXPECT_EQ(times.Between(0, 100), (std::vector<OutputTime>{{0, At(1000)}, {2, At(1100)}, {3, At(500)}}));
}

TEST_F(OutputTimesTest, TooManyAreThinnedAndSpreadOverAll) {
  constexpr int64_t kSecond = 1000;
  constexpr int64_t kSeconds = 100'000;
  OutputTimes times(Path());
  for (int64_t i = 0; i < kSeconds; ++i) {
    times.Mark(static_cast<uint64_t>(i), At(i * kSecond));
    if (i % 1000 == 0) times.Save();
  }
  times.Save();
  OutputTimes again(Path());
  for (OutputTimes* either : {&times, &again}) {
    const auto marks = either->Between(0, kSeconds);
    EXPECT_GT(marks.size(), OutputTimes::kMost / 4);
    EXPECT_LE(marks.size(), 2 * OutputTimes::kMost);
    for (uint64_t at = 0; at < kSeconds; at += 997) {
      const auto time = either->Between(at, at + 1);
      ASSERT_EQ(time.size(), 1u);
      const auto off = At(static_cast<int64_t>(at) * kSecond) - time[0].time;
      EXPECT_GE(off, milliseconds(0));
      EXPECT_LE(off, milliseconds(4 * kSeconds * kSecond / OutputTimes::kMost)) << at;
    }
  }
  EXPECT_LE(times.Between(0, kSeconds).size(), OutputTimes::kMost);
  EXPECT_LE(std::filesystem::file_size(Path()), 2 * OutputTimes::kMost * 24);
}

TEST_F(OutputTimesTest, SurviveInTheFileUntilWhatIsTorn) {
  {
    OutputTimes times(Path());
    for (uint64_t i = 0; i < 3; ++i) {
      times.Mark(i, At(static_cast<int64_t>(i) * 1000));
      times.Save();
    }
  }
  EXPECT_EQ(OutputTimes(Path()).Between(0, 10).size(), 3u);
  std::filesystem::resize_file(Path(), 24 * 2 + 7);
  OutputTimes torn(Path());
  EXPECT_EQ(torn.Between(0, 10), (std::vector<OutputTime>{{0, At(0)}, {1, At(1000)}}));
  torn.Mark(5, At(5000));
  torn.Save();
  EXPECT_EQ(OutputTimes(Path()).Between(0, 10).size(), 3u) << "written anew, not behind what is torn";
  std::fstream(Path(), std::ios::in | std::ios::out).seekp(30).put('!');
  EXPECT_EQ(OutputTimes(Path()).Between(0, 10), (std::vector<OutputTime>{{0, At(0)}}));
}

TEST_F(OutputTimesTest, WhatIsNotKeptHasNoMarksButTheOneOfWhatFollows) {
  OutputTimes times(Path());
  for (uint64_t i = 0; i < 10; ++i) times.Mark(i * 10, At(static_cast<int64_t>(i) * 1000));
  times.Forget(15, 75);
  EXPECT_EQ(times.Between(75, 81), (std::vector<OutputTime>{{75, At(7000)}, {80, At(8000)}}));
  EXPECT_EQ(times.Between(0, 15), (std::vector<OutputTime>{{0, At(0)}, {10, At(1000)}}));
  EXPECT_EQ(times.Between(0, 100).size(), 5u);
}

// Of the first and of the last bytes, with what lies between dropped; the file does not grow with the stream.
TEST_F(OutputTimesTest, OfAStreamThatIsKeptInPart) {
  const std::string path = dir_.path() + "/group/0.1.out";
  FdCache fds(4);
  OutputLog log(path, {.head = 100, .tail = 400}, &fds);
  constexpr uint64_t kPieces = 5000;
  for (uint64_t i = 0; i < kPieces; ++i) {
    const std::vector<OutputTime> times = {{.offset = 0, .time = At(static_cast<int64_t>(i) * 1000)}};
    log.Append("ten bytes\n", times);
  }
  log.Finish();
  OutputLog again(path, {.head = 100, .tail = 400}, nullptr);
  for (OutputLog* either : {&log, &again}) {
    for (const uint64_t at : {uint64_t{0}, uint64_t{95}, kPieces * 10 - 400, kPieces * 10 - 1}) {
      const OutputPiece piece = either->Read(at, 1000, true);
      ASSERT_EQ(piece.dropped, 0u);
      ASSERT_FALSE(piece.times.empty());
      EXPECT_EQ(piece.times.front(), (OutputTime{at, At(static_cast<int64_t>(at / 10) * 1000)}));
      EXPECT_LT(piece.times.back().offset, piece.offset + piece.bytes.size());
    }
    const OutputPiece behind = either->Read(100, 1000, true);
    EXPECT_GT(behind.dropped, 0u);
    ASSERT_FALSE(behind.times.empty());
    EXPECT_EQ(behind.times.front(),
              (OutputTime{behind.offset, At(static_cast<int64_t>(behind.offset / 10) * 1000)}));
  }
  EXPECT_LE(std::filesystem::file_size(path + ".times"), 2 * OutputTimes::kMost * 24);
}

class OutputTimesStoreTest : public StoreTest {};

TEST_F(OutputTimesStoreTest, AreOfTheTimeOfTheWrite) {
  const auto before = std::chrono::system_clock::now() - milliseconds(1);
  Write(Key("g", 0), "hello\n");
  const OutputPiece running = store_->Read(Key("g", 0), 0, 100);
  Finish("g", 0);
  ASSERT_EQ(running.times.size(), 1u);
  EXPECT_EQ(running.times[0].offset, 0u);
  EXPECT_GE(running.times[0].time, before);
  EXPECT_LE(running.times[0].time, std::chrono::system_clock::now());
  EXPECT_EQ(store_->Read(Key("g", 0), 0, 100).times, running.times);
  store_ = nullptr;
  store_ = OpenStore(dir_.path() + "/output");
  EXPECT_EQ(store_->Read(Key("g", 0), 0, 100).times, running.times);
  EXPECT_EQ(store_->Read(Key("g", 0), 3, 100).times[0].offset, 3u);
}

TEST_F(OutputTimesStoreTest, WhatAnOlderVersionWroteHasNone) {
  std::filesystem::create_directories(dir_.path() + "/output/g");
  std::ofstream(dir_.path() + "/output/g/0.1.out") << "hello\n";
  const OutputPiece piece = store_->Read(Key("g", 0), 0, 100);
  EXPECT_EQ(piece.bytes, "hello\n");
  EXPECT_TRUE(piece.times.empty());
}

}  // namespace
}  // namespace covey
