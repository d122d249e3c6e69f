#include "tests/server/journal/journal_suite.h"

// What every back end must do for those who purge.
namespace covey {
namespace {

TEST_P(JournalSuite, ManyArePurgedTogetherAndEachIsAnswered) {
  for (const char* id : {"a", "b", "c"}) MakeCompleted(id);
  Commit(Writer("runs", epoch_).Create());
  const auto results = client_->PurgeAll({"a", "absent", "c", "runs", "a"}, /*keeps_id=*/true).value();
  ASSERT_EQ(results.size(), 5u);
  EXPECT_TRUE(results[0].ok());
  EXPECT_EQ(results[1].error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(results[2].ok());
  EXPECT_EQ(results[3].error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(results[4].error().code, ErrorCode::kNotFound);
  EXPECT_EQ(client_->List().value().groups.size(), 2u);
  EXPECT_TRUE(client_->PurgeAll({}, true).value().empty());
}

TEST_P(JournalSuite, WhatIsOverIsToldTheOldestFirst) {
  constexpr int kGroups = 30;
  for (int i = 0; i < kGroups; ++i) {
    Writer writer("g" + std::to_string(i), epoch_);
    Commit(writer.Create());
    Commit(writer.Decide(i % 3 == 0 ? state::Outcome::kFailed : state::Outcome::kCancelled));
    writer.summary().completed = Writer::At(1000 - i / 2);  // two each end together
    writer.summary().output_bytes = 10'000;
    Commit(writer.Complete());
  }
  Commit(Writer("runs", epoch_).Create());
  EXPECT_EQ(journal_->usage().ended_groups, 30u);
  EXPECT_GT(journal_->usage().ended_bytes, 30u * 10'000);
  EXPECT_LT(journal_->usage().ended_bytes, 30u * 12'500);
  size_t told = 0;
  for (const bool failed : {false, true}) {
    std::string token;
    WallTime last{};
    uint64_t bytes = 0;
    do {
      const EndedPage page = client_->Oldest(failed, 4, token).value();
      EXPECT_LE(page.groups.size(), 4u);
      for (const EndedGroup& group : page.groups) {
        ++told;
        bytes += group.bytes;
        EXPECT_GE(group.ended, last);
        last = group.ended;
        EXPECT_EQ(group.phase, failed ? GroupPhase::kFailed : GroupPhase::kCancelled);
      }
      token = page.next;
    } while (!token.empty());
    EXPECT_GT(bytes, 0u);
  }
  EXPECT_EQ(told, 30u) << "each once";
  const std::string token = client_->Oldest(false, 4).value().next;
  EXPECT_EQ(client_->Oldest(true, 4, token).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(client_->Oldest(false, 4, "x").error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(client_->Purge("g29").ok());
  EXPECT_EQ(journal_->usage().ended_groups, 29u);
  EXPECT_NE(client_->Oldest(false, 1).value().groups.at(0).id, "g29");
}

}  // namespace
}  // namespace covey
