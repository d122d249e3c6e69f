#include "tests/server/journal/journal_suite.h"

// Snapshots and marks, over every back end.
namespace covey {
namespace {

TEST_P(JournalSuite, TheNewestSnapshotIsKept) {
  Writer group("g", epoch_);
  Commit(group.Create());
  Commit(group.Tasks(10));
  EXPECT_EQ(client_->ReadSnapshot("g").value(), std::nullopt);
  EXPECT_EQ(client_->ReadSnapshot("absent").value(), std::nullopt);
  const Snapshot five{.number = 5, .bytes = std::string("a\0b", 3)};
  const Snapshot ten{.number = 10, .bytes = std::string(1 << 20, 'x')};
  ASSERT_TRUE(client_->PutSnapshot("g", epoch_, five).ok());
  EXPECT_EQ(client_->ReadSnapshot("g").value(), five);
  ASSERT_TRUE(client_->PutSnapshot("g", epoch_, ten).ok());
  EXPECT_EQ(client_->ReadSnapshot("g").value(), ten);
  ASSERT_TRUE(client_->PutSnapshot("g", epoch_, five).ok());
  EXPECT_EQ(client_->ReadSnapshot("g").value(), ten) << "an older one changes nothing";
  EXPECT_EQ(client_->Read("g").value().size(), 11u) << "the events stay";
}

TEST_P(JournalSuite, OnlyTheOwnerKeepsSnapshotsAndOnlyOfEvents) {
  Writer group("g", epoch_);
  Commit(group.Create());
  EXPECT_EQ(client_->PutSnapshot("absent", epoch_, {.number = 1}).error().code, ErrorCode::kNotFound);
  for (const uint64_t number : {0, 2}) {
    const Error error = client_->PutSnapshot("g", epoch_, {.number = number}).error();
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
    EXPECT_NE(error.message.find("1..1, got " + std::to_string(number)), std::string::npos) << error.message;
  }
  const uint64_t newer = client_->Acquire();
  const Error fenced = client_->PutSnapshot("g", epoch_, {.number = 1}).error();
  EXPECT_EQ(fenced.code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(fenced.reason, "GROUP_FENCED");
  EXPECT_EQ(client_->ReadSnapshot("g").value(), std::nullopt);
  EXPECT_TRUE(client_->PutSnapshot("g", newer, {.number = 1}).ok());
  EXPECT_EQ(client_->ReadSnapshot("g").value(), (Snapshot{.number = 1}));
}

TEST_P(JournalSuite, ASnapshotGoesWithItsGroup) {
  MakeCompleted("g");
  ASSERT_TRUE(client_->PutSnapshot("g", epoch_, {.number = 5, .bytes = "old"}).ok());
  ASSERT_TRUE(client_->Purge("g").ok());
  EXPECT_EQ(client_->ReadSnapshot("g").value(), std::nullopt);
  now_ += std::chrono::hours(25);
  Commit(Writer("g", epoch_).Create());
  EXPECT_EQ(client_->ReadSnapshot("g").value(), std::nullopt);
}

TEST_P(JournalSuite, MarksOfAllSnapshotsAreFound) {
  using MarkKind = Mark::Kind;
  Writer group("g", epoch_);
  Commit(group.Create());
  Commit(Writer("h", epoch_).Create());
  Commit(group.Tasks(10));
  const Mark name{.kind = MarkKind::kTaskName, .key = "a", .first = 3};
  const Mark request{.kind = MarkKind::kRequest,
                     .key = "a",
                     .first = 4'000'000'000,
                     .count = 7,
                     .fingerprint = ~uint64_t{0}};
  const Mark odd{.kind = MarkKind::kTaskName, .key = std::string("a\n\xC3\xA9", 4), .first = 9};
  ASSERT_TRUE(client_->PutSnapshot("g", epoch_, {.number = 5, .marks = {name, request}}).ok());
  ASSERT_TRUE(client_->PutSnapshot("g", epoch_, {.number = 10, .marks = {odd}}).ok());
  const auto find = [&](const std::string& id) {
    return client_->FindMarks(id, {{.kind = MarkKind::kTaskName, .key = "a"},
                                   {.kind = MarkKind::kTaskName, .key = "b"},
                                   {.kind = MarkKind::kRequest, .key = "a"},
                                   {.kind = odd.kind, .key = odd.key}});
  };
  EXPECT_EQ(find("g").value(), std::vector<Mark>({name, request, odd}));
  EXPECT_EQ(find("h").value(), std::vector<Mark>());
  EXPECT_EQ(find("absent").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(client_->ReadSnapshot("g").value()->marks.empty());
}

TEST_P(JournalSuite, BlocksOfTasksAreFound) {
  Writer group("g", epoch_);
  Commit(group.Create());
  Commit(Writer("h", epoch_).Create());
  Commit(group.Tasks(10));
  const TaskBlock one{.first = 0, .bytes = std::string("a\0b", 3)};
  const TaskBlock two{.first = 4'000'000'000, .bytes = std::string(1 << 17, 'x')};
  const TaskBlock late{.first = 7, .late = true, .bytes = "late"};
  const TaskBlock later{.first = 9, .late = true, .bytes = "later"};
  ASSERT_TRUE(client_->PutSnapshot("g", epoch_, {.number = 5, .tasks = {one, late}}).ok());
  ASSERT_TRUE(client_->PutSnapshot("g", epoch_, {.number = 10, .tasks = {two, later}}).ok());
  using Blocks = std::vector<TaskBlock>;
  EXPECT_EQ(client_->ReadTasks("g", 8, 20).value(), Blocks({one, late, later}));
  EXPECT_EQ(client_->ReadTasks("g", 0, 9).value(), Blocks({one, late}));
  EXPECT_EQ(client_->ReadTasks("g", 4'000'000'001, 4'100'000'000).value(), Blocks({two}));
  EXPECT_EQ(client_->ReadTasks("h", 8, 20).value(), Blocks());
  EXPECT_EQ(client_->ReadTasks("absent", 8, 20).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(client_->ReadSnapshot("g").value()->tasks.empty());
}

TEST_P(JournalSuite, MarksGoWithTheirGroup) {
  MakeCompleted("g");
  const Mark mark{.kind = Mark::Kind::kTaskName, .key = "a", .first = 3};
  ASSERT_TRUE(client_->PutSnapshot("g", epoch_, {.number = 5, .marks = {mark}}).ok());
  ASSERT_TRUE(client_->Purge("g").ok());
  EXPECT_EQ(client_->FindMarks("g", {mark}).error().code, ErrorCode::kNotFound);
  now_ += std::chrono::hours(25);
  Commit(Writer("g", epoch_).Create());
  EXPECT_EQ(client_->FindMarks("g", {mark}).value(), std::vector<Mark>());
}

}  // namespace
}  // namespace covey
