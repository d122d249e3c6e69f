#include "tests/server/journal/journal_suite.h"

#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <thread>

namespace covey {
namespace {

using Kind = AppendResult::Kind;

INSTANTIATE_TEST_SUITE_P(Journal, JournalSuite, ::testing::Values("memory", "sqlite"),
                         [](const auto& backend) { return backend.param; });

TEST_P(JournalSuite, WhatIsAppendedIsRead) {
  Writer group("g", epoch_);
  Commit(group.Create());
  Commit(group.Tasks(3, "payload"));
  const std::vector<Record> records = client_->Read("g").value();
  ASSERT_EQ(records.size(), 4u);
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(records[i].number, i + 1);
    EXPECT_EQ(records[i].time, Writer::At(static_cast<int64_t>(i + 1)));
  }
  EXPECT_EQ(records[0].event.kind, state::EventKind::kGroupCreated);
  EXPECT_EQ(records[0].group->id, "g");
  EXPECT_EQ(records[3].event.task, 2u);
  EXPECT_EQ(std::get<FunctionSpec>(records[3].task->work).payload.bytes, "payload");
  EXPECT_EQ(client_->Head("g").value(), 4u);
}

TEST_P(JournalSuite, NobodyKnowsAGroupThatIsNotThere) {
  EXPECT_EQ(client_->Head("g").value(), 0u);
  EXPECT_TRUE(client_->Read("g").value().empty());
  EXPECT_EQ(client_->Find("g").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(client_->FindRequest("r").value(), "");
  EXPECT_TRUE(client_->List().value().groups.empty());
}

TEST_P(JournalSuite, ReadsInPagesOfAnySize) {
  Writer group("g", epoch_);
  Commit(group.Create());
  Commit(group.Tasks(1));
  Commit(group.Tasks(2000));  // more than a row holds
  Commit(group.Tasks(5));
  const uint64_t all = 1 + 1 + 2000 + 5;
  for (const size_t limit : {1, 7, 511, 512, 513, 5000}) {
    uint64_t next = 1;
    while (next <= all) {
      const std::vector<Record> page = client_->Read("g", next, limit).value();
      ASSERT_EQ(page.size(), std::min<uint64_t>(limit, all - next + 1))
          << "from " << next << " limit " << limit;
      for (const Record& record : page) ASSERT_EQ(record.number, next++);
      if (limit == 1) next += 97;
    }
  }
  EXPECT_TRUE(client_->Read("g", all + 1).value().empty());
  EXPECT_TRUE(client_->Read("g", UINT64_MAX).value().empty());
  EXPECT_EQ(client_->Read("g", 0, 1).value().at(0).number, 1u);
}

// At least one record, and none that passes the bound: what is larger travels alone.
TEST_P(JournalSuite, ReadsInPagesOfAnyBytes) {
  Writer group("g", epoch_);
  Commit(group.Create());
  Commit(group.Tasks(3, std::string(1000, 'x')));
  Commit(group.Tasks(1, std::string(10'000, 'x')));
  Commit(group.Tasks(600, "x"));
  const uint64_t all = 1 + 3 + 1 + 600;
  const std::vector<Record> records = client_->Read("g").value();
  for (const size_t bytes : {0, 1, 1200, 2500, 11'000, 100'000}) {
    for (uint64_t next = 1; next <= all;) {
      const std::vector<Record> page = client_->Read("g", next, 1 << 20, bytes).value();
      ASSERT_FALSE(page.empty());
      size_t held = 0;
      for (const Record& record : page) {
        ASSERT_EQ(record.number, next++);
        held += BytesOf(record);
      }
      if (page.size() > 1) {
        EXPECT_LE(held, bytes);
      }
    }
    EXPECT_TRUE(client_->Read("g", all + 1, 1 << 20, bytes).value().empty());
  }
  EXPECT_EQ(client_->Read("g", 2, 1 << 20, 2500).value().size(), 2u) << "as many as there is room for";
}

TEST_P(JournalSuite, TheSummaryIsFoundAsItWasLastAppended) {
  Writer group("g", epoch_);
  group.spec().name = "build";
  group.summary().state.policy = state::Policy::kAny;
  Commit(group.Create());
  GroupSummary summary = client_->Find("g").value();
  EXPECT_EQ(summary.spec->name, "build");
  EXPECT_EQ(summary.state, group.summary().state);
  EXPECT_EQ(summary.last_number, 1u);

  Commit(group.Tasks(4));
  group.summary().state.submitted = 4;
  group.summary().failure = std::make_shared<const Failure>(Failure{.kind = FailureKind::kExit, .code = 7});
  group.summary().first_failure = std::make_shared<const Failure>(Failure{.message = "first", .task = "t"});
  group.summary().decided = Writer::At(5);
  Commit(group.Decide(state::Outcome::kFailed));
  summary = client_->Find("g").value();
  EXPECT_EQ(summary.state, group.summary().state);
  EXPECT_EQ(summary.failure->code, 7);
  EXPECT_EQ(summary.first_failure->task, "t");
  EXPECT_EQ(summary.created, Writer::At(0));
  EXPECT_EQ(summary.decided, Writer::At(5));
  EXPECT_EQ(summary.completed, WallTime());
  EXPECT_EQ(summary.last_number, 6u) << "of the log, not of the summary";
}

TEST_P(JournalSuite, OutputSizesComeBack) {
  Writer group("g", epoch_);
  Commit(group.Create());
  Append append = group.Tasks(1);
  std::vector<Record> records(append.batch->records().begin(), append.batch->records().end());
  const OutputSizes sizes{.standard_output = UINT64_MAX, .standard_error = 7};
  records[0].output = std::make_shared<const OutputSizes>(sizes);
  append.batch = std::make_shared<const Batch>(std::move(records));
  Commit(append);
  EXPECT_EQ(client_->Read("g").value().at(0).output, nullptr) << "not known";
  ASSERT_NE(client_->Read("g").value().at(1).output, nullptr);
  EXPECT_EQ(*client_->Read("g").value().at(1).output, sizes);
}

TEST_P(JournalSuite, ARequestIdLeadsToItsGroup) {
  Commit(Writer("g", epoch_).Create("request-1"));
  Commit(Writer("h", epoch_).Create());
  EXPECT_EQ(client_->FindRequest("request-1").value(), "g");
  EXPECT_EQ(client_->FindRequest("").value(), "");
  EXPECT_EQ(client_->FindRequest("request-2").value(), "");
  EXPECT_EQ(client_->Read("g").value().at(0).request->fingerprint, 7u);
}

TEST_P(JournalSuite, OnlyAGroupThatIsOverIsPurged) {
  Writer running("running", epoch_);
  Commit(running.Create());
  EXPECT_EQ(client_->Purge("running").error().code, ErrorCode::kFailedPrecondition);
  Commit(running.Decide(state::Outcome::kCancelled));
  EXPECT_EQ(client_->Purge("running").error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(client_->Purge("absent").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(client_->Head("running").value(), 2u);
}

TEST_P(JournalSuite, APurgedGroupIsGone) {
  Writer other("other", epoch_);
  other.spec().labels = {{"k", "v"}};
  Commit(other.Create());
  Writer group("g", epoch_);
  group.spec().labels = {{"k", "v"}, {"l", "w"}};
  Commit(group.Create());
  Commit(group.Tasks(3000));
  Commit(group.Decide(state::Outcome::kSucceeded));
  Commit(group.Complete());
  EXPECT_TRUE(client_->Purge("g").ok());

  EXPECT_EQ(client_->Head("g").value(), 0u);
  EXPECT_TRUE(client_->Read("g").value().empty());
  EXPECT_EQ(client_->Find("g").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(client_->List({.labels = {{"k", "v"}}}).value().groups.size(), 1u);
  EXPECT_EQ(client_->List().value().groups.size(), 1u);
  EXPECT_EQ(client_->Purge("g").error().code, ErrorCode::kNotFound);
  const WatchPage page = client_->Watch("").value();
  ASSERT_EQ(page.groups.size(), 1u);
  EXPECT_EQ(page.groups[0].group->id, "other");
  Commit(other.Seal());
}

// Promise 13.
TEST_P(JournalSuite, IdsOutliveAPurgeForADay) {
  MakeCompleted("g", "request");
  ASSERT_TRUE(client_->Purge("g").ok());
  const AppendResult refused = client_->Send(Writer("g", epoch_).Create());
  EXPECT_EQ(refused.kind, Kind::kDuplicate);
  EXPECT_EQ(refused.existing, "g");
  EXPECT_EQ(client_->FindRequest("request").value(), "g");

  now_ += std::chrono::hours(24);
  MakeCompleted("h");
  ASSERT_TRUE(client_->Purge("h").ok());
  EXPECT_EQ(client_->FindRequest("request").value(), "");
  Commit(Writer("g", epoch_).Create("request"));
  EXPECT_EQ(client_->FindRequest("request").value(), "g");
}

TEST_P(JournalSuite, AnIdIsFreeWhenItsDayIsOver) {
  MakeCompleted("g");
  ASSERT_TRUE(client_->Purge("g").ok());
  now_ += std::chrono::hours(24) - std::chrono::microseconds(1);
  for (int i = 0; i < 10; ++i)  // whatever is tidied up meanwhile
    EXPECT_EQ(client_->Send(Writer("g", epoch_).Create()).kind, Kind::kDuplicate);
  now_ += std::chrono::microseconds(1);
  Commit(Writer("g", epoch_).Create());
}

TEST_P(JournalSuite, AnIdMayBeFreeAtOnce) {
  for (int i = 0; i < 3; ++i) {
    MakeCompleted("g", "request" + std::to_string(i));
    ASSERT_TRUE(client_->Purge("g", /*keeps_id=*/false).ok());
    EXPECT_EQ(client_->Find("g").error().code, ErrorCode::kNotFound);
    EXPECT_EQ(client_->FindRequest("request" + std::to_string(i)).value(), "g");
  }
  Writer again("g", epoch_);
  Commit(again.Create());
  EXPECT_EQ(client_->Read("g").value().size(), 1u) << "nothing of those before it";
  ASSERT_EQ(client_->Watch("").value().groups.size(), 1u);
}

// On a daemon that purges nothing else as well.
TEST_P(JournalSuite, ARequestIdExpiresByItself) {
  MakeCompleted("g", "request");
  ASSERT_TRUE(client_->Purge("g").ok());
  now_ += std::chrono::hours(24) - std::chrono::microseconds(1);
  EXPECT_EQ(client_->FindRequest("request").value(), "g");
  now_ += std::chrono::microseconds(1);
  EXPECT_EQ(client_->FindRequest("request").value(), "");

  Writer next("h", epoch_);
  next.summary().created = now_;
  Commit(next.Create("request"));
  EXPECT_EQ(client_->FindRequest("request").value(), "h");
  Commit(next.Decide(state::Outcome::kSucceeded));
  Commit(next.Complete());
  ASSERT_TRUE(client_->Purge("h").ok());
  EXPECT_EQ(client_->FindRequest("request").value(), "h") << "expires a day after its own group was made";
}

TEST_P(JournalSuite, AnswersComeInOrderAndThenTheBatchIsFlushed) {
  std::mutex mutex;
  std::vector<int> order;
  size_t flushed = 0;
  std::thread::id answering;
  std::promise<void> all;
  journal_ = nullptr;
  journal_ = Open(dir_.path());
  Client client(*journal_);
  const uint64_t epoch = client.Acquire();
  constexpr size_t kCount = 500;
  journal_->OnBatch([&] {
    const std::lock_guard lock(mutex);
    EXPECT_EQ(answering, std::this_thread::get_id());
    EXPECT_GT(order.size(), flushed) << "a batch without answers";
    flushed = order.size();
    if (flushed == kCount) all.set_value();
  });
  Writer group("ordered", epoch);
  for (size_t i = 0; i < kCount; ++i) {
    journal_->AppendAsync(i == 0 ? group.Create() : group.Tasks(1), [&, i](AppendResult result) {
      const std::lock_guard lock(mutex);
      EXPECT_EQ(result.kind, Kind::kCommitted);
      if (order.size() > flushed) {
        EXPECT_EQ(answering, std::this_thread::get_id());
      }
      answering = std::this_thread::get_id();
      order.push_back(static_cast<int>(i));
    });
  }
  ASSERT_EQ(all.get_future().wait_for(kPatience), std::future_status::ready);
  journal_->Close();
  for (size_t i = 0; i < kCount; ++i) EXPECT_EQ(order[i], static_cast<int>(i));
  // One that is refused is a batch of its own.
  journal_->AppendAsync(group.Seal(), [&](AppendResult result) {
    EXPECT_EQ(result.kind, Kind::kFailed);
    const std::lock_guard lock(mutex);
    answering = std::this_thread::get_id();
    order.push_back(0);
  });
  EXPECT_EQ(flushed, kCount + 1);
}

TEST_P(JournalSuite, AnAnswerMayAppendAndReadWhatWasAnswered) {
  constexpr uint64_t kRounds = 50;
  Writer group("g", epoch_);
  std::promise<void> finished;
  std::function<void(AppendResult)> go = [&](AppendResult result) {
    ASSERT_EQ(result.kind, Kind::kCommitted);
    journal_->Head("g", [&, head = result.head](Result<uint64_t> seen) {
      EXPECT_EQ(seen.value(), head);
      if (head == kRounds) return finished.set_value();
      journal_->AppendAsync(group.Tasks(1), go);
    });
  };
  journal_->AppendAsync(group.Create(), go);
  ASSERT_EQ(finished.get_future().wait_for(kPatience), std::future_status::ready);
}

// Race: many owners' threads append to their own groups and fight over a shared one.
TEST_P(JournalSuite, EightThreadsLoseAndRepeatNothing) {
  constexpr int kThreads = 8;
  constexpr uint64_t kAppends = 60;
  Commit(Writer("shared", epoch_).Create());
  std::latch start(kThreads);
  std::atomic<uint64_t> won = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Client client(*journal_);
      Writer own("own-" + std::to_string(t), epoch_);
      start.arrive_and_wait();
      EXPECT_EQ(client.Send(own.Create()).kind, Kind::kCommitted);
      uint64_t head = 1;
      for (uint64_t i = 0; i < kAppends; ++i) {
        EXPECT_EQ(client.Send(own.Tasks(2)).kind, Kind::kCommitted);
        Writer shared("shared", epoch_);
        shared.set_next(head + 1);
        Append fight = shared.Tasks(1);
        const AppendResult result = client.Send(fight);
        if (result.kind == Kind::kCommitted) ++won;
        EXPECT_TRUE(result.kind == Kind::kCommitted || result.kind == Kind::kBehind);
        head = result.head;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(client_->Head("shared").value(), 1 + won.load());
  for (int t = 0; t < kThreads; ++t) {
    const std::vector<Record> records = client_->Read("own-" + std::to_string(t)).value();
    ASSERT_EQ(records.size(), 1 + 2 * kAppends);
    for (size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i].number, i + 1);
  }
}

TEST_P(JournalSuite, PoolsAreKeptByName) {
  EXPECT_TRUE(client_->Pools().value().empty());
  ASSERT_TRUE(client_->PutPool({.name = "b", .max = 2}).ok());
  ASSERT_TRUE(client_->PutPool({.name = "a", .max = 65536}).ok());
  ASSERT_TRUE(client_->PutPool({.name = "b", .max = 3, .closing = true}).ok());
  const std::vector<StoredPool> both = {{.name = "a", .max = 65536},
                                        {.name = "b", .max = 3, .closing = true}};
  EXPECT_EQ(client_->Pools().value(), both);
  ASSERT_TRUE(client_->RemovePool("a").ok());
  ASSERT_TRUE(client_->RemovePool("a").ok()) << "one that is not there is no error";
  EXPECT_EQ(client_->Pools().value(), std::vector(1, both[1]));
}

TEST_P(JournalSuite, CloseFinishesWhatWasAppendedAndRefusesTheRest) {
  Writer group("g", epoch_);
  std::atomic<int> committed = 0;
  for (int i = 0; i < 100; ++i) {
    journal_->AppendAsync(i == 0 ? group.Create() : group.Tasks(1), [&](AppendResult result) {
      if (result.kind == Kind::kCommitted) ++committed;
    });
  }
  journal_->Close();
  EXPECT_EQ(committed.load(), 100);
  journal_->Close();
  EXPECT_EQ(client_->Send(group.Seal()).kind, Kind::kFailed);
  EXPECT_EQ(client_->Head("g").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->Read("g").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->Watch("").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->List().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->Find("g").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->FindRequest("r").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->Purge("g").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->PutSnapshot("g", epoch_, {.number = 1}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->ReadSnapshot("g").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->PutPool({.name = "p", .max = 1}).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->RemovePool("p").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(client_->Pools().error().code, ErrorCode::kUnavailable);
  Result<uint64_t> epoch = Await<Result<uint64_t>>([&](auto done) { journal_->Acquire({}, done); });
  EXPECT_EQ(epoch.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace covey
