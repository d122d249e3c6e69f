#include "client/cli/line_splitter.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace covey::cli {
namespace {

std::vector<std::string> Split(const std::vector<std::string>& chunks, size_t longest) {
  LineSplitter splitter(longest);
  std::vector<std::string> lines;
  const auto add = [&lines](std::string_view line) { lines.emplace_back(line); };
  for (const std::string& chunk : chunks) splitter.Feed(chunk, add);
  splitter.Flush(add);
  EXPECT_TRUE(splitter.empty());
  return lines;
}

using Lines = std::vector<std::string>;

TEST(LineSplitterTest, LinesAreCutAtTheirEnds) {
  EXPECT_EQ(Split({"a\nb\n"}, 100), (Lines{"a", "b"}));
  EXPECT_EQ(Split({"a\n\n", "b"}, 100), (Lines{"a", "", "b"}));
  EXPECT_EQ(Split({"he", "", "llo\nwo", "rld"}, 100), (Lines{"hello", "world"}));
  EXPECT_EQ(Split({}, 100), Lines());
  EXPECT_EQ(Split({std::string("\0\xff\n", 3)}, 100), (Lines{std::string("\0\xff", 2)}));
}

TEST(LineSplitterTest, LongLinesAreCutOnce) {
  EXPECT_EQ(Split({"abcdef\ng"}, 3), (Lines{"abc", "def", "g"}));
  EXPECT_EQ(Split({"abc\n"}, 3), (Lines{"abc"}));
  EXPECT_EQ(Split({"abc", "\n"}, 3), (Lines{"abc"}));
  EXPECT_EQ(Split({"ab", "cd\n"}, 3), (Lines{"abc", "d"}));
}

// However bytes are cut into chunks, the lines are the same, none is too long, and together they are the
// bytes.
TEST(LineSplitterTest, ChunksDoNotMatter) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 2'000; ++round) {
    std::string bytes(std::uniform_int_distribution<size_t>(0, 200)(random), '\0');
    for (char& byte : bytes) byte = "ab\n"[std::uniform_int_distribution<int>(0, 2)(random)];
    const size_t longest = std::uniform_int_distribution<size_t>(1, 20)(random);
    std::vector<std::string> chunks;
    for (size_t at = 0; at < bytes.size();) {
      const size_t length = std::uniform_int_distribution<size_t>(0, 30)(random);
      chunks.push_back(bytes.substr(at, length));
      at += length;
    }
    const Lines lines = Split(chunks, longest);
    EXPECT_EQ(lines, Split({bytes}, longest));
    std::string joined;
    for (const std::string& line : lines) {
      EXPECT_LE(line.size(), longest);
      EXPECT_EQ(line.find('\n'), std::string::npos);
      joined += line;
    }
    std::erase(bytes, '\n');
    EXPECT_EQ(joined, bytes);
  }
}

}  // namespace
}  // namespace covey::cli
