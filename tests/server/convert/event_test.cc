#include <gtest/gtest.h>

#include "server/convert/convert.h"

namespace covey {
namespace {

using state::EventKind;

v1::Event Tell(const state::Event& event, const std::string& task_name = "",
               std::shared_ptr<const Failure> failure = nullptr) {
  Record record{.number = 5,
                .time = WallTime(std::chrono::microseconds(1'500'000)),
                .event = event,
                .task_name = task_name,
                .failure = std::move(failure)};
  v1::Event out;
  ToProto("g", record, &out);
  EXPECT_EQ(out.group_id(), "g");
  EXPECT_EQ(out.number(), 5u);
  EXPECT_EQ(out.time().seconds(), 1);
  EXPECT_EQ(out.time().nanos(), 500'000'000);
  return out;
}

// The casts of the converter rely on it.
TEST(Event, EnumsCountAlike) {
  EXPECT_EQ(static_cast<int>(v1::EventKind_MAX) + 1, state::kEventKinds);
  EXPECT_EQ(static_cast<int>(EventKind::kGroupCreated), v1::EVENT_KIND_GROUP_CREATED);
  EXPECT_EQ(static_cast<int>(EventKind::kTaskSubmitted), v1::EVENT_KIND_TASK_SUBMITTED);
  EXPECT_EQ(static_cast<int>(EventKind::kTaskStarted), v1::EVENT_KIND_TASK_STARTED);
  EXPECT_EQ(static_cast<int>(EventKind::kTaskExited), v1::EVENT_KIND_TASK_EXITED);
  EXPECT_EQ(static_cast<int>(EventKind::kCancelRequested), v1::EVENT_KIND_CANCEL_REQUESTED);
  EXPECT_EQ(static_cast<int>(EventKind::kCancelDelivered), v1::EVENT_KIND_CANCEL_DELIVERED);
  EXPECT_EQ(static_cast<int>(EventKind::kCancelKilled), v1::EVENT_KIND_CANCEL_KILLED);
  EXPECT_EQ(static_cast<int>(EventKind::kCancelGone), v1::EVENT_KIND_CANCEL_GONE);
  EXPECT_EQ(static_cast<int>(EventKind::kGroupSealed), v1::EVENT_KIND_GROUP_SEALED);
  EXPECT_EQ(static_cast<int>(EventKind::kGroupDecided), v1::EVENT_KIND_GROUP_DECIDED);
  EXPECT_EQ(static_cast<int>(EventKind::kGroupCompleted), v1::EVENT_KIND_GROUP_COMPLETED);
  EXPECT_EQ(static_cast<int>(WaitReason::kPool), v1::WAIT_REASON_POOL);
  EXPECT_EQ(static_cast<int>(WaitReason::kLimit), v1::WAIT_REASON_LIMIT);
  EXPECT_EQ(static_cast<int>(WaitReason::kTasks), v1::WAIT_REASON_TASKS);
  EXPECT_EQ(static_cast<int>(WaitReason::kSeal), v1::WAIT_REASON_SEAL);
  EXPECT_EQ(static_cast<int>(WaitReason::kStop), v1::WAIT_REASON_STOP);
  EXPECT_EQ(static_cast<int>(WaitReason::kJournal), v1::WAIT_REASON_JOURNAL);
  EXPECT_EQ(static_cast<int>(WaitReason::kReader), v1::WAIT_REASON_READER);
  EXPECT_EQ(static_cast<int>(WaitReason::kReader), static_cast<int>(v1::WaitReason_MAX));
  EXPECT_EQ(static_cast<int>(FailureKind::kError), v1::FAILURE_KIND_ERROR);
  EXPECT_EQ(static_cast<int>(FailureKind::kPanic), v1::FAILURE_KIND_PANIC);
  EXPECT_EQ(static_cast<int>(FailureKind::kExit), v1::FAILURE_KIND_EXIT);
  EXPECT_EQ(static_cast<int>(FailureKind::kSignal), v1::FAILURE_KIND_SIGNAL);
  EXPECT_EQ(static_cast<int>(FailureKind::kTimeout), v1::FAILURE_KIND_TIMEOUT);
  EXPECT_EQ(static_cast<int>(FailureKind::kCancelled), v1::FAILURE_KIND_CANCELLED);
  EXPECT_EQ(static_cast<int>(FailureKind::kLost), v1::FAILURE_KIND_LOST);
  EXPECT_EQ(static_cast<int>(FailureKind::kRejected), v1::FAILURE_KIND_REJECTED);
  EXPECT_EQ(static_cast<int>(FailureKind::kRejected), static_cast<int>(v1::FailureKind_MAX));
}

TEST(Event, OfATaskHasItsName) {
  EXPECT_EQ(Tell({.kind = EventKind::kTaskSubmitted, .task = 7}).task(), "7");
  const v1::Event started = Tell({.kind = EventKind::kTaskStarted, .task = 7, .attempt = 2}, "named");
  EXPECT_EQ(started.task(), "named");
  EXPECT_EQ(started.attempt(), 2u);
  EXPECT_EQ(Tell({.kind = EventKind::kGroupSealed}).task(), "");
}

TEST(Event, TellsWhatAWatcherOfAllGroupsNeeds) {
  Record record{.event = {.kind = EventKind::kGroupCreated},
                .group = std::make_shared<const GroupSpec>(
                    GroupSpec{.id = "g", .name = "nightly", .labels = {{"team", "data"}}})};
  v1::Event created;
  ToProto("g", record, &created);
  EXPECT_EQ(created.group_spec().name(), "nightly");
  EXPECT_EQ(created.group_spec().labels().at("team"), "data");
  record = {.event = {.kind = EventKind::kTaskSubmitted, .task = 0},
            .task = std::make_shared<const TaskSpec>(
                TaskSpec{.work = FunctionSpec{.name = "f"}, .labels = {{"a", "b"}}})};
  v1::Event submitted;
  ToProto("g", record, &submitted);
  EXPECT_EQ(submitted.labels().at("a"), "b");
  record = {
      .event = {.kind = EventKind::kTaskExited, .task = 0},
      .output = std::make_shared<const OutputSizes>(OutputSizes{
          .standard_output = 7, .standard_error = 8, .standard_output_lost = 5, .standard_error_lost = 6})};
  v1::Event exited;
  ToProto("g", record, &exited);
  EXPECT_EQ(exited.stdout_bytes(), 7u);
  EXPECT_EQ(exited.stderr_bytes(), 8u);
  EXPECT_EQ(exited.stdout_lost_bytes(), 5u);
  EXPECT_EQ(exited.stderr_lost_bytes(), 6u);
}

TEST(Event, AnExitTellsHow) {
  const auto exit = [](state::Ending result) {
    return Tell({.kind = EventKind::kTaskExited, .result = result, .task = 0, .attempt = 1}).task_state();
  };
  EXPECT_EQ(exit(state::Ending::kNone), v1::TASK_STATE_QUEUED);
  EXPECT_EQ(exit(state::Ending::kSucceeded), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(exit(state::Ending::kFailed), v1::TASK_STATE_FAILED);
  EXPECT_EQ(exit(state::Ending::kStopped), v1::TASK_STATE_STOPPED);
}

TEST(Event, AFailureIsTheRecordedOneOrItsKind) {
  const state::Event event{.kind = EventKind::kTaskExited,
                           .result = state::Ending::kFailed,
                           .failure = FailureKind::kSignal,
                           .task = 0,
                           .attempt = 1,
                           .code = 9};
  v1::Event out = Tell(event);
  EXPECT_EQ(out.failure().kind(), v1::FAILURE_KIND_SIGNAL);
  EXPECT_EQ(out.failure().code(), 9);
  out = Tell(event, "",
             std::make_shared<const Failure>(Failure{.kind = FailureKind::kSignal,
                                                     .code = 9,
                                                     .message = "killed \xFF",
                                                     .detail = "tail",
                                                     .task = "t",
                                                     .attempt = 3}));
  EXPECT_EQ(out.failure().message(), "killed \xEF\xBF\xBD");
  EXPECT_EQ(out.failure().detail(), "tail");
  EXPECT_EQ(out.failure().task(), "t");
  EXPECT_EQ(out.failure().attempt(), 3u);
  EXPECT_FALSE(
      Tell({.kind = EventKind::kTaskExited, .result = state::Ending::kSucceeded, .task = 0}).has_failure());
}

TEST(Event, AFailureIsBoundedWhateverTheJournalHolds) {
  const state::Event event{.kind = EventKind::kTaskExited, .failure = FailureKind::kError, .task = 0};
  const v1::Event out =
      Tell(event, "",
           std::make_shared<const Failure>(
               Failure{.message = std::string(1 << 20, '\xFF'), .detail = std::string(1 << 20, '\xFF')}));
  EXPECT_LE(out.failure().message().size(), 1024u);
  EXPECT_TRUE(out.failure().message().ends_with("\uFFFD\u2026"));
  EXPECT_LE(out.failure().detail().size(), 4096u);
  EXPECT_TRUE(out.failure().detail().starts_with("\u2026\uFFFD"));
}

TEST(Event, ADecisionTellsItsOutcomeAndWhatItStopped) {
  const v1::Event decided = Tell({.kind = EventKind::kGroupDecided,
                                  .outcome = state::Outcome::kFailed,
                                  .failure = FailureKind::kTimeout,
                                  .count = 12});
  EXPECT_EQ(decided.outcome(), v1::GROUP_STATE_FAILED);
  EXPECT_EQ(decided.stopped_tasks(), 12u);
  EXPECT_EQ(decided.failure().kind(), v1::FAILURE_KIND_TIMEOUT);
  EXPECT_EQ(Tell({.kind = EventKind::kGroupCompleted, .outcome = state::Outcome::kCancelled}).outcome(),
            v1::GROUP_STATE_CANCELLED);
  EXPECT_EQ(Tell({.kind = EventKind::kGroupCompleted, .outcome = state::Outcome::kSucceeded}).outcome(),
            v1::GROUP_STATE_SUCCEEDED);
}

TEST(Event, ADeliveryTellsItsSignal) {
  EXPECT_EQ(Tell({.kind = EventKind::kCancelDelivered, .task = 0, .attempt = 1, .code = 15}).signal(), 15);
}

}  // namespace
}  // namespace covey
