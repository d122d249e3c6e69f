#include "client/cli/since_filter.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "client/cli/output_printer.h"

namespace covey::cli {
namespace {

google::protobuf::Timestamp Second(int64_t seconds) {
  google::protobuf::Timestamp time;
  time.set_seconds(seconds);
  return time;
}

v1::OutputChunk TimedChunk(uint64_t offset, const std::string& data,
                           const std::vector<std::pair<uint64_t, int64_t>>& times) {
  v1::OutputChunk chunk;
  chunk.set_task("t");
  chunk.set_attempt(1);
  chunk.set_offset(offset);
  chunk.set_data(data);
  for (const auto& [at, second] : times) {
    v1::OutputTime& time = *chunk.add_times();
    time.set_offset(at);
    *time.mutable_time() = Second(second);
  }
  return chunk;
}

// What is kept of the chunks, with "|" between them.
std::string ShownSince(SinceFilter filter, std::vector<v1::OutputChunk> chunks) {
  std::string kept;
  for (v1::OutputChunk& chunk : chunks) {
    if (filter.Keep(&chunk)) kept += chunk.data() + "@" + std::to_string(chunk.offset()) + "|";
  }
  return kept;
}

TEST(SinceFilterTest, BeginsWithTheFirstLineThatWasBegunSince) {
  const std::vector<std::pair<uint64_t, int64_t>> times = {{0, 10}, {2, 20}, {4, 30}};
  EXPECT_EQ(ShownSince(SinceFilter(Second(5)), {TimedChunk(0, "a\nb\nc\n", times)}), "a\nb\nc\n@0|");
  EXPECT_EQ(ShownSince(SinceFilter(Second(20)), {TimedChunk(0, "a\nb\nc\n", times)}), "b\nc\n@2|");
  EXPECT_EQ(ShownSince(SinceFilter(Second(21)), {TimedChunk(0, "a\nb\nc\n", times)}), "c\n@4|");
  EXPECT_EQ(ShownSince(SinceFilter(Second(31)), {TimedChunk(0, "a\nb\nc\n", times)}), "");
  EXPECT_EQ(ShownSince(SinceFilter(Second(20)), {TimedChunk(0, "abc\nd\n", times)}), "d\n@4|")
      << "begun before";
  EXPECT_EQ(
      ShownSince(SinceFilter(Second(20)), {TimedChunk(0, "ab", {{0, 10}}), TimedChunk(2, "c", {{2, 20}}),
                                           TimedChunk(3, "d\ne", {{3, 30}}), TimedChunk(6, "f", {{6, 5}})}),
      "e@5|f@6|");
}

TEST(SinceFilterTest, KeepsWhatHasNoTimeAndSaysSo) {
  SinceFilter filter(Second(20));
  v1::OutputChunk old = TimedChunk(0, "a\nb\n", {});
  EXPECT_TRUE(filter.Keep(&old));
  EXPECT_EQ(old.data(), "a\nb\n");
  EXPECT_TRUE(filter.met_unknown());
  SinceFilter other(Second(20));
  v1::OutputChunk known = TimedChunk(0, "a\n", {{0, 20}});
  EXPECT_TRUE(other.Keep(&known));
  EXPECT_FALSE(other.met_unknown());
}

TEST(SinceFilterTest, WhatIsLeftHasItsTimes) {
  SinceFilter filter(Second(20));
  v1::OutputChunk chunk = TimedChunk(10, "a\nbc\nd\n", {{10, 10}, {13, 20}, {15, 30}});
  EXPECT_TRUE(filter.Keep(&chunk));
  EXPECT_EQ(chunk.data(), "d\n");
  ASSERT_EQ(chunk.times_size(), 1);
  EXPECT_EQ(chunk.times(0).offset(), 15u);
  EXPECT_EQ(chunk.times(0).time().seconds(), 30);
}

TEST(SinceFilterTest, AGapBeforeItIsNotTold) {
  SinceFilter filter(Second(20));
  v1::OutputChunk before = TimedChunk(100, "a\n", {{100, 10}});
  before.set_dropped(50);
  EXPECT_FALSE(filter.Keep(&before));
  v1::OutputChunk since = TimedChunk(200, "b\n", {{200, 20}});
  since.set_dropped(50);
  EXPECT_TRUE(filter.Keep(&since));
  EXPECT_EQ(since.dropped(), 50u);
  v1::OutputChunk end = TimedChunk(202, "", {});
  end.set_end(true);
  EXPECT_TRUE(filter.Keep(&end));
}

TEST(SinceFilterTest, StreamsAreApart) {
  SinceFilter filter(Second(20));
  v1::OutputChunk out = TimedChunk(0, "a", {{0, 20}});
  v1::OutputChunk err = TimedChunk(0, "b", {{0, 10}});
  err.set_stream(v1::OUTPUT_STREAM_STDERR);
  EXPECT_TRUE(filter.Keep(&out));
  EXPECT_FALSE(filter.Keep(&err));
}

// A line has the time of its first byte, whatever comes in between.
TEST(StampTest, EachLineBeginsWithItsTime) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  {
    Console console(ends[1], ends[1]);
    OutputPrinter printer(console, OutputPrinter::Mode::kAllToOut,
                          [](const google::protobuf::Timestamp* time) {
                            return time == nullptr ? "-" : std::to_string(time->seconds());
                          });
    printer.Print(TimedChunk(0, "old\na\nb", {{4, 10}, {6, 20}}));
    printer.Print(TimedChunk(7, "c\nd\n\ne", {{7, 30}}));
    printer.Flush();
  }
  close(ends[1]);
  std::string text(1000, '\0');
  text.resize(static_cast<size_t>(read(ends[0], text.data(), text.size())));
  close(ends[0]);
  EXPECT_EQ(text, "- old\n10 a\n20 bc\n30 d\n30 \n30 e\n");
}

}  // namespace
}  // namespace covey::cli
