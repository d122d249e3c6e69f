#include "tests/server/journal/journal_suite.h"

// What an append is answered, over every back end: committed, or why not.
namespace covey {
namespace {

using Kind = AppendResult::Kind;

TEST_P(JournalSuite, AnAppendThatIsBehindFailsItselfAlone) {
  Writer group("g", epoch_);
  Writer other("h", epoch_);
  Commit(group.Create());
  Append late = group.Seal();
  group.set_next(2);
  Append task = group.Tasks(1);
  std::vector<std::future<AppendResult>> results;
  for (const Append& append : {task, late, other.Create()}) {
    auto promise = std::make_shared<std::promise<AppendResult>>();
    results.push_back(promise->get_future());
    journal_->AppendAsync(append, [promise](AppendResult result) { promise->set_value(std::move(result)); });
  }
  EXPECT_EQ(results[0].get().kind, Kind::kCommitted);
  const AppendResult behind = results[1].get();
  EXPECT_EQ(behind.kind, Kind::kBehind);
  EXPECT_EQ(behind.head, 2u);
  EXPECT_EQ(results[2].get().kind, Kind::kCommitted);
  EXPECT_EQ(client_->Head("g").value(), 2u);
}

TEST_P(JournalSuite, AGroupIsCreatedOnce) {
  Commit(Writer("g", epoch_).Create());
  const AppendResult result = client_->Send(Writer("g", epoch_).Create());
  EXPECT_EQ(result.kind, Kind::kDuplicate);
  EXPECT_EQ(result.existing, "g");
  EXPECT_EQ(client_->Head("g").value(), 1u);
}

TEST_P(JournalSuite, ARequestMakesOneGroup) {
  Commit(Writer("g", epoch_).Create("request"));
  Commit(Writer("taken", epoch_).Create());
  for (const char* id : {"h", "g", "taken"}) {
    const AppendResult result = client_->Send(Writer(id, epoch_).Create("request"));
    EXPECT_EQ(result.kind, Kind::kDuplicate) << id;
    EXPECT_EQ(result.existing, "g") << id << ": the first answer, also where the id is taken";
  }
  EXPECT_EQ(client_->Head("h").value(), 0u);
  EXPECT_EQ(client_->FindRequest("request").value(), "g");
}

// Of a purged group the request is remembered for a day (promise 13), and then it may make another one,
// whether or not anything has swept it out meanwhile.
TEST_P(JournalSuite, ARequestIsFreeAgainWhenItsTimeIsOver) {
  MakeCompleted("g", "request");
  ASSERT_TRUE(client_->Purge("g").ok());
  now_ += std::chrono::hours(24) - std::chrono::microseconds(1);
  EXPECT_EQ(client_->Send(Writer("h", epoch_).Create("request")).existing, "g");
  now_ += std::chrono::microseconds(1);
  MakeCompleted("h", "request");
  EXPECT_EQ(client_->FindRequest("request").value(), "h");
  EXPECT_EQ(client_->Send(Writer("i", epoch_).Create("request")).existing, "h");
}

TEST_P(JournalSuite, AnAppendAheadOfTheHeadIsBehindToo) {
  Writer group("g", epoch_);
  Commit(group.Create());
  group.set_next(5);
  EXPECT_EQ(client_->Send(group.Seal()).kind, Kind::kBehind);
  Writer absent("h", epoch_);
  absent.set_next(5);
  const AppendResult result = client_->Send(absent.Seal());
  EXPECT_EQ(result.kind, Kind::kBehind);
  EXPECT_EQ(result.head, 0u);
}

TEST_P(JournalSuite, TheSameAppendAgainIsAnsweredNotRepeated) {
  Writer group("g", epoch_);
  const Append create = group.Create();
  const Append tasks = group.Tasks(700);
  const Append seal = group.Seal();
  for (const Append& append : {create, tasks, seal}) Commit(append);
  for (const Append& append : {seal, tasks, create}) Commit(append);
  client_->Acquire();  // what was committed stays so, whoever owns the group now
  for (const Append& append : {tasks, create, seal}) Commit(append);
  EXPECT_EQ(client_->Head("g").value(), 702u);
  EXPECT_EQ(client_->Read("g").value().size(), 702u);

  Append inner = tasks;  // the same id elsewhere is another append
  inner.expected += 1;
  inner.batch = std::make_shared<const Batch>(
      std::vector<Record>(tasks.batch->records().begin() + 1, tasks.batch->records().end()));
  EXPECT_EQ(client_->Send(inner).kind, Kind::kFenced);
}

TEST_P(JournalSuite, AnAppendOfAnotherIsNotTakenForTheSame) {
  Writer group("g", epoch_);
  Commit(group.Create("request"));
  const Append tasks = group.Tasks(3);
  Commit(tasks);
  Append stranger = tasks;
  ++stranger.commit_id;
  EXPECT_EQ(client_->Send(stranger).kind, Kind::kBehind);
  Append elsewhere = tasks;
  elsewhere.group = "h";
  EXPECT_EQ(client_->Send(elsewhere).kind, Kind::kBehind);
  EXPECT_EQ(client_->Head("g").value(), 4u);
}

TEST_P(JournalSuite, AnOlderOwnerIsFenced) {
  Writer old("g", epoch_);
  Commit(old.Create());
  const uint64_t newer = client_->Acquire();
  EXPECT_GT(newer, epoch_);
  EXPECT_EQ(client_->Send(old.Seal()).kind, Kind::kFenced);
  Writer late("g", epoch_);
  late.set_next(7);
  EXPECT_EQ(client_->Send(late.Seal()).kind, Kind::kFenced) << "not behind: reading on would not help it";
  Writer owner("g", newer);
  owner.set_next(2);
  Commit(owner.Seal());
}

TEST_P(JournalSuite, OwnershipOfSomeGroupsLeavesTheOthers) {
  Writer taken("taken", epoch_);
  Writer left("left", epoch_);
  Commit(taken.Create());
  Commit(left.Create());
  const uint64_t newer = client_->Acquire({"taken", "to come"});
  EXPECT_EQ(client_->Send(taken.Seal()).kind, Kind::kFenced);
  EXPECT_EQ(client_->Send(Writer("to come", epoch_).Create()).kind, Kind::kFenced);
  Commit(left.Seal());
  Commit(Writer("to come", newer).Create());
}

TEST_P(JournalSuite, OnlyGrantedEpochsMayWrite) {
  EXPECT_EQ(client_->Send(Writer("g", 0).Create()).kind, Kind::kFenced);
  EXPECT_EQ(client_->Send(Writer("g", epoch_ + 1).Create()).kind, Kind::kFenced);
  EXPECT_EQ(client_->Head("g").value(), 0u);
}

TEST_P(JournalSuite, MalformedAppendsFail) {
  Writer group("g", epoch_);
  const auto change = [](const Append& append, const auto& how) {
    std::vector<Record> records(append.batch->records().begin(), append.batch->records().end());
    how(records);
    return std::make_shared<const Batch>(std::move(records));
  };
  Append none = group.Create();
  none.batch = nullptr;
  group.set_next(1);
  Append empty = group.Create();
  empty.batch = change(empty, [](auto& records) { records.clear(); });
  group.set_next(1);
  Append unnumbered = group.Create();
  unnumbered.batch = change(unnumbered, [](auto& records) { records[0].number = 2; });
  group.set_next(1);
  Append no_summary = group.Create();
  no_summary.summary.reset();
  group.set_next(1);
  Append no_spec = group.Create();
  no_spec.batch = change(no_spec, [](auto& records) { records[0].group = nullptr; });
  group.set_next(1);
  const Append not_created = group.Seal();
  group.set_next(1);
  Append other_name = group.Create();
  other_name.group = "h";
  for (const Append& append : {none, empty, unnumbered, no_summary, no_spec, not_created, other_name}) {
    const AppendResult result = client_->Send(append);
    EXPECT_EQ(result.kind, Kind::kFailed);
    EXPECT_FALSE(result.error.message.empty());
  }
  group.set_next(1);
  Commit(group.Create());
}

}  // namespace
}  // namespace covey
