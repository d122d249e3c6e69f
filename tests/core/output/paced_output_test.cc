// How fast output comes: writers that wait for a reader, files that hang, and what comes all the same.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <latch>
#include <optional>
#include <string>
#include <thread>

#include "core/base/unique_fd.h"
#include "tests/core/base/watched_thread.h"
#include "tests/core/output/store_test.h"

namespace covey {
namespace {

using PacedOutputTest = StoreTest;

TEST_F(PacedOutputTest, APacedWriterWaitsForItsReader) {
  store_ = nullptr;
  store_ = OpenStore(dir_.path() + "/output", {.head = 10, .tail = 40});
  store_->Begin("g", 0, 1, true);
  int told = 0;
  const auto has_room = [&] { ++told; };
  uint64_t written = 0;
  const auto fill = [&] {
    while (const size_t room = store_->Room(Key("g", 0), has_room)) {
      std::string bytes(std::min<size_t>(room, 10'000), '\0');
      for (char& c : bytes) c = static_cast<char>(written++ % 251);
      Write(Key("g", 0), bytes);
    }
  };
  fill();
  EXPECT_EQ(written, RunningStream::kWindow);
  uint64_t offset = 0;
  while (offset < 8 * RunningStream::kWindow) {
    const OutputPiece piece = store_->Read(Key("g", 0), offset, 30'011);
    EXPECT_EQ(piece.dropped, 0u);
    ASSERT_FALSE(piece.bytes.empty());
    for (size_t i = 0; i < piece.bytes.size(); ++i) {
      ASSERT_EQ(piece.bytes[i], static_cast<char>((offset + i) % 251));
    }
    offset += piece.bytes.size();
    const int before = told;
    store_->Taken(Key("g", 0), offset);
    EXPECT_EQ(told, before + 1);
    fill();
    EXPECT_EQ(written, offset + RunningStream::kWindow);
  }
  // One that is stopped writes whether there is room or not, and as much is kept of that as of any.
  Write(Key("g", 0), std::string(2 * RunningStream::kWindow, 'x'));
  EXPECT_EQ(store_->Read(Key("g", 0), written, 10).bytes, "xxxxxxxxxx");
  EXPECT_EQ(Finish("g", 0).standard_output, written + 2 * RunningStream::kWindow);
}

TEST_F(PacedOutputTest, AStopWaitsForNoReader) {
  store_->Begin("g", 0, 1, true);
  int told = 0;
  const auto has_room = [&] { ++told; };
  Write(Key("g", 0), std::string(RunningStream::kWindow, 'x'));
  EXPECT_EQ(store_->Room(Key("g", 0), has_room), 0u);
  EXPECT_TRUE(store_->WaitsForReader(Key("g", 0)));
  store_->StopPacing();
  EXPECT_EQ(told, 1);
  EXPECT_FALSE(store_->WaitsForReader(Key("g", 0)));
  EXPECT_EQ(store_->Room(Key("g", 0), has_room), RunningStream::kBound);
}

// In place of the standard output of g/0 stands a FIFO: opening it waits for somebody at the other end.
class HangingFile {
 public:
  explicit HangingFile(const std::string& directory)
      : file_(directory + "/output/g/0.1.out"), fifo_(directory + "/fifo") {
    std::filesystem::create_directory(directory + "/output/g");
    EXPECT_EQ(::mkfifo(fifo_.c_str(), 0600), 0);
    std::filesystem::create_hard_link(fifo_, file_);
  }
  // Whoever waits goes on, and finds no file there.
  void Release() {
    std::filesystem::remove(file_);
    other_end_.Reset(::open(fifo_.c_str(), O_RDWR | O_CLOEXEC));
  }

 private:
  const std::string file_;
  const std::string fifo_;
  UniqueFd other_end_;
};

TEST_F(PacedOutputTest, AFileThatHangsHoldsUpItsWriterAlone) {
  HangingFile file(dir_.path());
  for (uint32_t task = 0; task < 2; ++task) store_->Begin("g", task, 1, false);
  std::promise<void> has_room;
  const std::string piece(64 << 10, 'x');
  uint64_t written = 0;
  for (; store_->Room(Key("g", 0), [&] { has_room.set_value(); }) >= piece.size(); written += piece.size()) {
    store_->Write(Key("g", 0), piece);
  }
  EXPECT_EQ(written, RunningStream::kBound);
  EXPECT_EQ(store_->Size(Key("g", 0)), 0u);
  EXPECT_FALSE(store_->Read(Key("g", 1), 0, 10).end);
  // What another task writes gets to its file, and its end is told.
  store_->Write(Key("g", 1), "other");
  std::promise<OutputSizes> other;
  store_->Finish("g", 1, 1, [&](const OutputSizes& sizes) { other.set_value(sizes); });
  EXPECT_EQ(other.get_future().get().standard_output, 5u);
  EXPECT_EQ(store_->Read(Key("g", 1), 0, 10).bytes, "other");
  std::promise<OutputSizes> ended;
  std::future<OutputSizes> end = ended.get_future();
  store_->Finish("g", 0, 1, [&](const OutputSizes& sizes) { ended.set_value(sizes); });
  std::future<void> room = has_room.get_future();
  EXPECT_EQ(room.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_EQ(end.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  file.Release();
  room.get();
  EXPECT_EQ(end.get().standard_output, written);
}

// Far beyond what it may: as when the disk hangs and the task is being stopped.
TEST_F(PacedOutputTest, WhatComesInSpiteOfNoRoomIsBoundedAndCounted) {
  HangingFile file(dir_.path());
  const std::string piece(64 << 10, 'x');
  store_->Write(Key("g", 0), piece);
  const WatchedThread flusher([&] { store_->Flush(); });
  EXPECT_TRUE(flusher.ComesToRest());  // the writer waits for the file
  for (int i = 1; i < 100; ++i) store_->Write(Key("g", 0), piece);
  std::promise<OutputSizes> ended;
  store_->Finish("g", 0, 1, [&](const OutputSizes& sizes) { ended.set_value(sizes); });
  file.Release();
  const OutputSizes sizes = ended.get_future().get();
  EXPECT_EQ(sizes.standard_output, 100 * piece.size());
  EXPECT_GE(sizes.standard_output_lost, 98 * piece.size() - (size_t{1} << 20));
}

// Race: readers follow by subscription while the writer's stream wraps around its bound, and it finishes.
}  // namespace
}  // namespace covey
