#include "core/engine/group_feed.h"

#include <gtest/gtest.h>

namespace covey {
namespace {

std::shared_ptr<const Batch> Numbers(uint64_t first, size_t count) {
  std::vector<Record> records(count);
  for (size_t i = 0; i < count; ++i) records[i].number = first + i;
  return std::make_shared<const Batch>(std::move(records));
}

std::vector<uint64_t> NumbersOf(const EventPage& page) {
  std::vector<uint64_t> numbers;
  for (const Record& record : page.records()) numbers.push_back(record.number);
  return numbers;
}

TEST(GroupFeedTest, PagesGoOnWhereTheLastEnded) {
  GroupFeed feed;
  feed.Add(Numbers(1, 3));
  feed.Add(Numbers(4, 1));
  feed.Add(Numbers(5, 5));
  for (size_t limit = 1; limit <= 10; ++limit) {
    std::vector<uint64_t> all;
    for (uint64_t after = 0; after < 9;) {
      const auto page = feed.After(after, 9, {.count = limit});
      ASSERT_TRUE(page);
      const auto numbers = NumbersOf(*page);
      ASSERT_FALSE(numbers.empty());
      EXPECT_LE(numbers.size(), limit);
      EXPECT_EQ(numbers.back(), page->through);
      all.insert(all.end(), numbers.begin(), numbers.end());
      after = page->through;
    }
    EXPECT_EQ(all, (std::vector<uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9})) << limit;
  }
  EXPECT_TRUE(feed.After(9, 9, {.count = 10})->empty());
  EXPECT_EQ(feed.After(9, 9, {.count = 10})->through, 9u);
}

TEST(GroupFeedTest, PagesAreCutByBytes) {
  GroupFeed feed;
  std::vector<Record> records(4);
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].number = i + 1;
    records[i].result = std::make_shared<const Payload>(Payload{.bytes = std::string(1000, 'x')});
  }
  feed.Add(std::make_shared<const Batch>(std::move(records)));
  feed.Add(Numbers(5, 1));
  EXPECT_EQ(NumbersOf(*feed.After(0, 5, {.count = 10, .bytes = 2500})), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(NumbersOf(*feed.After(2, 5, {.count = 10, .bytes = 1})), (std::vector<uint64_t>{3}));
  EXPECT_EQ(NumbersOf(*feed.After(3, 5, {.count = 10})), (std::vector<uint64_t>{4, 5}));
}

TEST(GroupFeedTest, PagesShareTheBatchThatWasAppended) {
  GroupFeed feed;
  const auto batch = Numbers(1, 3);
  feed.Add(batch);
  EXPECT_EQ(feed.After(1, 3, {.count = 10})->slices.at(0).batch, batch);
  EXPECT_EQ(feed.After(1, 3, {.count = 10})->slices.at(0).first, 1u);
}

TEST(GroupFeedTest, OldEventsLeaveMemory) {
  GroupFeed feed;
  for (uint64_t i = 0; i < 20; ++i) feed.Add(Numbers(i * 100 + 1, 100));
  EXPECT_FALSE(feed.After(0, 2000, {.count = 10}));
  EXPECT_TRUE(feed.After(1000, 2000, {.count = 10}));
  feed.Add(Numbers(2001, 2000));
  EXPECT_FALSE(feed.After(1999, 4000, {.count = 10}));
  EXPECT_EQ(NumbersOf(*feed.After(2000, 4000, {.count = 2})), (std::vector<uint64_t>{2001, 2002}))
      << "the newest batch stays, however many";
}

TEST(GroupFeedTest, LargeEventsLeaveMemory) {
  GroupFeed feed;
  feed.Add(Numbers(1, 3));
  std::vector<Record> large(1);
  large[0].number = 4;
  large[0].result =
      std::make_shared<const Payload>(Payload{.bytes = std::string(GroupFeed::kRecentBytes, 'x')});
  feed.Add(std::make_shared<const Batch>(std::move(large)));
  EXPECT_FALSE(feed.After(0, 4, {.count = 10}));
  EXPECT_FALSE(feed.After(3, 4, {.count = 10}));
  EXPECT_EQ(feed.bytes(), 0u);
  feed.Add(Numbers(5, 3));
  EXPECT_FALSE(feed.After(3, 7, {.count = 10})) << "with a gap";
  EXPECT_EQ(NumbersOf(*feed.After(4, 7, {.count = 10})), (std::vector<uint64_t>{5, 6, 7}));
  feed.Forget();
  EXPECT_FALSE(feed.After(4, 7, {.count = 10}));
  EXPECT_TRUE(feed.After(7, 7, {.count = 10}));
}

class WaitersTest : public ::testing::Test {
 protected:
  GroupFeed::Call Note(std::string what) {
    return [this, what = std::move(what)] { called_.push_back(what); };
  }
  std::vector<std::string> Called(GroupFeed::Calls calls) {
    called_.clear();
    for (const auto& call : calls) call();
    return called_;
  }
  GroupFeed feed_;
  GroupFeed::Calls calls_;
  std::vector<std::string> called_;
};

TEST_F(WaitersTest, OnlyThoseOfTheTaskThatEndedAreCalled) {
  feed_.WaitTask(1, Note("one"));
  feed_.WaitTask(2, Note("two"));
  feed_.WaitTask(1, Note("one again"));
  feed_.TaskEnded(1, &calls_);
  EXPECT_EQ(Called(std::move(calls_)), (std::vector<std::string>{"one", "one again"}));
  calls_.clear();
  feed_.TaskEnded(1, &calls_);
  EXPECT_TRUE(calls_.empty());
  feed_.TasksEnded([](uint32_t task) { return task == 2; }, &calls_);
  EXPECT_EQ(Called(std::move(calls_)), std::vector<std::string>{"two"});
  EXPECT_FALSE(feed_.watched());
}

TEST_F(WaitersTest, WhoLeftIsNotCalled) {
  const uint64_t task = feed_.WaitTask(1, Note("task"));
  const uint64_t group = feed_.Wait(Note("group"));
  EXPECT_NE(task, group);
  EXPECT_TRUE(feed_.Unwait(task));
  EXPECT_FALSE(feed_.Unwait(task));
  feed_.TaskEnded(1, &calls_);
  EXPECT_TRUE(calls_.empty());
  feed_.Over(&calls_);
  EXPECT_EQ(Called(std::move(calls_)), std::vector<std::string>{"group"});
  EXPECT_FALSE(feed_.Unwait(group));
}

TEST_F(WaitersTest, TheEndOfAllIsTheEndOfEachTask) {
  feed_.WaitTask(7, Note("task"));
  feed_.Wait(Note("group"));
  feed_.Over(&calls_);
  EXPECT_EQ(Called(std::move(calls_)).size(), 2u);
  EXPECT_FALSE(feed_.watched());
}

}  // namespace
}  // namespace covey
