#include "core/journal/batch.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

namespace covey {
namespace {

std::vector<Record> Records(uint64_t first, size_t count) {
  std::vector<Record> records(count);
  for (Record& record : records) record.number = first++;
  return records;
}

TEST(Batch, SaysWhatItHolds) {
  const Batch batch(Records(5, 3));
  EXPECT_EQ(batch.size(), 3u);
  EXPECT_EQ(batch.first(), 5u);
  EXPECT_EQ(batch.last(), 7u);
  EXPECT_EQ(batch.records()[1].number, 6u);
  const Batch none({});
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.first(), 0u);
  EXPECT_EQ(none.last(), 0u);
}

// Race: all readers of a batch ask for its encoded form at once.
TEST(Batch, IsEncodedOnceForAllReaders) {
  constexpr int kReaders = 8;
  const Batch batch(Records(1, 100));
  std::atomic<int> encoded = 0;
  std::latch start(kReaders);
  std::vector<std::thread> readers;
  std::vector<const std::vector<std::string>*> seen(kReaders);
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      start.arrive_and_wait();
      seen[static_cast<size_t>(i)] = &batch.Encoded([&](const Record& record) {
        ++encoded;
        return std::to_string(record.number);
      });
    });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(encoded.load(), 100);
  for (const auto* form : seen) EXPECT_EQ(form, seen[0]);
  ASSERT_EQ(seen[0]->size(), 100u);
  EXPECT_EQ(seen[0]->front(), "1");
  EXPECT_EQ(seen[0]->back(), "100");
}

TEST(Batch, AnEncoderThatThrowsMayBeTriedAgain) {
  const Batch batch(Records(1, 2));
  const auto fail = [](const Record& record) -> std::string {
    if (record.number == 2) throw std::runtime_error("no memory");
    return "x";
  };
  EXPECT_THROW((void)batch.Encoded(fail), std::runtime_error);
  EXPECT_EQ(batch.Encoded([](const Record&) { return std::string("y"); }),
            std::vector<std::string>({"y", "y"}));
}

}  // namespace
}  // namespace covey
