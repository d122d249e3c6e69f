#include "server/journal/checksum.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "server/journal/page_sums.h"

namespace covey {
namespace {

// From the sanity checks of xxHash and of its ports.
TEST(Checksum, IsXxHash) {
  EXPECT_EQ(Xxh64("", 0), 0xEF46DB3751D8E999u);
  EXPECT_EQ(Xxh64("a", 0), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(Xxh64("abc", 0), 0x44BC2CF5AD770999u);
  EXPECT_EQ(Xxh64("Nobody inspects the spammish repetition", 0), 0xFBCEA83C8A378BF1u);
  EXPECT_EQ(Xxh64("", 0x9E3779B1), 0xAC75FDA2929B17EFu);
}

TEST(Checksum, ChangesWithEachBitAndWithThePlace) {
  std::string bytes(200, 'x');
  std::set<uint64_t> sums;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    sums.insert(Checksum({.gid = 1, .group = "g", .number = 1}, bytes));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
  for (const Place& place :
       {Place{.gid = 1, .group = "g", .number = 1}, Place{.gid = 2, .group = "g", .number = 1},
        Place{.gid = 1, .group = "h", .number = 1}, Place{.gid = 1, .group = "g", .number = 2},
        Place{.part = Part::kSnapshot, .gid = 1, .group = "g", .number = 1}}) {
    sums.insert(Checksum(place, bytes));
  }
  EXPECT_EQ(sums.size(), 200u * 8 + 5);
}

TEST(Checksum, AFlippedBitIsFound) {
  for (const size_t size : {3u, 40u, 4088u}) {
    std::string bytes(size, '\0');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31);
    const uint64_t sum = Xxh64(bytes, 7);
    for (size_t bit = 0; bit < size * 8; bit += 1 + size / 2) {
      std::string changed = bytes;
      changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
      EXPECT_EQ(FlippedBit(changed, 7, sum), bit) << size;
      if (bit < 8) continue;
      changed[0] = static_cast<char>(changed[0] ^ 3);
      EXPECT_EQ(FlippedBit(changed, 7, sum), std::nullopt) << size;
    }
  }
}

TEST(PageSums, APageThatWasNeverWrittenIsWhatItIs) {
  const std::string zeros(4096, '\0');
  std::string page = zeros;
  EXPECT_TRUE(page_sums::Matches(page, 7));
  page_sums::Seal(&page, 7);
  EXPECT_NE(page, zeros);
  EXPECT_TRUE(page_sums::Matches(page, 7));
  EXPECT_FALSE(page_sums::Matches(page, 8)) << "at another place";
  page = zeros;
  page[100] = 'x';
  EXPECT_FALSE(page_sums::Matches(page, 7));
}

}  // namespace
}  // namespace covey
