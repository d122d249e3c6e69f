#include "client/cli/tail.h"

#include <gtest/gtest.h>

#include <string>

namespace covey::cli {
namespace {

// Where the last `lines` lines of `text` begin, fed in pieces of `piece` bytes.
uint64_t First(const std::string& text, size_t lines, size_t piece) {
  LineStarts starts(lines);
  for (size_t at = 0; at < text.size(); at += piece) starts.Feed(at, text.substr(at, piece));
  return starts.first();
}

TEST(LineStartsTest, FindsTheLastLinesHoweverTheyCome) {
  for (const size_t piece : {1, 2, 3, 100}) {
    EXPECT_EQ(First("a\nbb\nccc\n", 1, piece), 5u);
    EXPECT_EQ(First("a\nbb\nccc\n", 2, piece), 2u);
    EXPECT_EQ(First("a\nbb\nccc\n", 3, piece), 0u);
    EXPECT_EQ(First("a\nbb\nccc\n", 10, piece), 0u);
    EXPECT_EQ(First("a\nbb\nccc", 1, piece), 5u) << "the last has no end yet";
    EXPECT_EQ(First("a\n\n\n", 2, piece), 2u) << "empty lines are lines";
    EXPECT_EQ(First("a\nbb\n", 0, piece), 5u) << "from the end on";
  }
  EXPECT_EQ(First("", 3, 1), 0u);
}

v1::OutputChunk Chunk(const std::string& task, uint64_t offset, const std::string& data,
                      uint32_t attempt = 1) {
  v1::OutputChunk chunk;
  chunk.set_task(task);
  chunk.set_attempt(attempt);
  chunk.set_offset(offset);
  chunk.set_data(data);
  return chunk;
}

std::string Kept(const Tails& tails) {
  std::string text;
  tails.ForEach([&text](const v1::OutputChunk& chunk) {
    text += chunk.task() + "@" + std::to_string(chunk.offset()) + ":" + chunk.data() + ";";
  });
  return text;
}

TEST(TailsTest, KeepsTheLastLinesOfEachTask) {
  Tails tails(2);
  tails.Feed(Chunk("a", 0, "one\ntwo\nthr"));
  tails.Feed(Chunk("b", 0, "only"));
  tails.Feed(Chunk("a", 11, "ee\nfour\n"));
  EXPECT_EQ(Kept(tails), "a@8:thr;a@11:ee\nfour\n;b@0:only;");
  tails.Feed(Chunk("a", 0, "again\n", 2));
  EXPECT_EQ(Kept(tails), "a@0:again\n;b@0:only;") << "another attempt begins anew";
  v1::OutputChunk gap = Chunk("b", 100, "after\n");
  gap.set_dropped(96);
  tails.Feed(gap);
  EXPECT_EQ(Kept(tails), "a@0:again\n;b@100:after\n;");
}

}  // namespace
}  // namespace covey::cli
