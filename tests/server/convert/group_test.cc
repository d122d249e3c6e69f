#include <gtest/gtest.h>

#include "server/convert/convert.h"

namespace covey {
namespace {

WallTime Moment(int64_t micros) { return WallTime(std::chrono::microseconds(micros)); }

GroupSummary Running() {
  GroupSummary group;
  group.spec = std::make_shared<const GroupSpec>(GroupSpec{.id = "g", .name = "n", .attached = true});
  group.state = {.submitted = 21, .queued = 6, .running = 5, .succeeded = 4, .failed = 3, .stopped = 3};
  group.created = Moment(1'000'000);
  group.last_number = 42;
  return group;
}

TEST(Group, ARunningOneIsTold) {
  const v1::Group out = ToProto(Running());
  EXPECT_EQ(out.id(), "g");
  EXPECT_EQ(out.spec().name(), "n");
  EXPECT_EQ(out.state(), v1::GROUP_STATE_RUNNING);
  EXPECT_FALSE(out.sealed());
  EXPECT_EQ(out.tasks().submitted(), 21u);
  EXPECT_EQ(out.tasks().queued(), 6u);
  EXPECT_EQ(out.tasks().running(), 5u);
  EXPECT_EQ(out.tasks().succeeded(), 4u);
  EXPECT_EQ(out.tasks().failed(), 3u);
  EXPECT_EQ(out.tasks().stopped(), 3u);
  EXPECT_FALSE(out.has_failure());
  EXPECT_TRUE(out.attached());
  EXPECT_EQ(out.create_time().seconds(), 1);
  EXPECT_FALSE(out.has_decide_time());
  EXPECT_FALSE(out.has_end_time());
  EXPECT_EQ(out.last_event(), 42u);
}

TEST(Group, ItsCommandIsThatOfItsFirstTask) {
  GroupSummary group = Running();
  const auto command = [&group](TaskWork work) {
    group.first_task = std::make_shared<const TaskSpec>(TaskSpec{.work = std::move(work)});
    return ToProto(group, View::kBasic).command();
  };
  const auto process = [&](std::vector<std::string> argv) {
    ProcessSpec spec;
    spec.argv = std::move(argv);
    return command(std::make_shared<const ProcessSpec>(std::move(spec)));
  };
  EXPECT_EQ(ToProto(group).command(), "");
  EXPECT_EQ(process({"sh", "-c", "echo 'x' | cat", "", "a=b"}), "sh -c 'echo '\\''x'\\'' | cat' '' a=b");
  EXPECT_EQ(process({"echo", std::string(123, 'x')}), "echo " + std::string(123, 'x'));
  EXPECT_EQ(process({"echo", std::string(124, 'x')}), "echo " + std::string(122, 'x') + "…");
  std::string umlauts;
  for (int i = 0; i < 1000; ++i) umlauts += "ü";
  const std::string cut = process({umlauts});
  EXPECT_EQ(cut, "'" + umlauts.substr(0, 2 * 126) + "…") << "characters, not bytes";
  EXPECT_EQ(process({std::string("\xff")}), "'\xef\xbf\xbd'");
  EXPECT_EQ(command(FunctionSpec{.name = "covey.echo"}), "covey.echo");
  EXPECT_EQ(command(OpaqueSpec{.kind = 60'000}), "") << "of a newer daemon";
}

TEST(Group, ItsStateFollowsDecisionAndCompletion) {
  GroupSummary group = Running();
  group.state.decided = true;
  group.state.outcome = state::Outcome::kFailed;
  group.decided = Moment(2'000'000);
  group.failure =
      std::make_shared<const Failure>(Failure{.kind = FailureKind::kExit, .code = 7, .task = "t"});
  v1::Group out = ToProto(group);
  EXPECT_EQ(out.state(), v1::GROUP_STATE_STOPPING);
  EXPECT_TRUE(out.sealed()) << "a decided group takes no task";
  EXPECT_EQ(out.failure().code(), 7);
  EXPECT_EQ(out.decide_time().seconds(), 2);
  group.state.completed = true;
  group.completed = Moment(3'000'000);
  EXPECT_EQ(ToProto(group).state(), v1::GROUP_STATE_FAILED);
  EXPECT_EQ(ToProto(group).end_time().seconds(), 3);
  group.state.outcome = state::Outcome::kCancelled;
  EXPECT_EQ(ToProto(group).state(), v1::GROUP_STATE_CANCELLED);
  group.state.outcome = state::Outcome::kSucceeded;
  EXPECT_EQ(ToProto(group).state(), v1::GROUP_STATE_SUCCEEDED);
}

TEST(Group, AResultListsItsFailures) {
  GroupEnd end{.group = Running()};
  for (int i = 0; i < 3; ++i) end.failures.push_back(std::make_shared<const Failure>(Failure{.code = i}));
  end.group.first_failure = end.failures[0];
  const v1::GroupResult out = ToProto(end);
  EXPECT_EQ(out.group().id(), "g");
  EXPECT_TRUE(out.has_first_failure());
  ASSERT_EQ(out.failures_size(), 3);
  EXPECT_EQ(out.failures(2).code(), 2);
  EXPECT_FALSE(ToProto(GroupEnd{.group = Running()}).has_first_failure());
}

TEST(Group, PhasesAndStatesAreTheSame) {
  for (int i = 1; i <= 5; ++i) {
    const auto phase = static_cast<GroupPhase>(i);
    EXPECT_EQ(ToProto(phase), i);
    EXPECT_EQ(ToCore(ToProto(phase)), phase);
  }
}

TEST(Task, ItIsTold) {
  TaskView task{.group = "g", .name = "t", .index = 3};
  v1::Task out = ToProto(task);
  EXPECT_EQ(out.state(), v1::TASK_STATE_QUEUED);
  EXPECT_FALSE(out.has_spec());
  EXPECT_FALSE(out.has_start_time());
  EXPECT_FALSE(out.has_end_time());
  EXPECT_FALSE(out.has_result());
  task.spec = std::make_shared<const TaskSpec>(TaskSpec{.name = "t"});
  task.state.phase = state::TaskState::Phase::kRunning;
  task.state.attempt = 2;
  task.submitted = Moment(1'000'000);
  task.started = Moment(2'000'000);
  out = ToProto(task);
  EXPECT_EQ(out.group_id(), "g");
  EXPECT_EQ(out.index(), 3u);
  EXPECT_EQ(out.attempt(), 2u);
  EXPECT_EQ(out.state(), v1::TASK_STATE_RUNNING);
  EXPECT_EQ(out.start_time().seconds(), 2);
  task.state.phase = state::TaskState::Phase::kEnded;
  task.state.result = state::Ending::kFailed;
  task.ended = Moment(3'000'000);
  task.failure = std::make_shared<const Failure>(Failure{.message = "cut \xE2\x82"});
  task.result = std::make_shared<const Payload>(Payload{.bytes = "r"});
  out = ToProto(task);
  EXPECT_EQ(out.state(), v1::TASK_STATE_FAILED);
  EXPECT_EQ(out.result().text(), "r");
  v1::Task parsed;
  EXPECT_TRUE(parsed.ParseFromString(out.SerializeAsString())) << "whatever a task says can be sent";
  task.state.result = state::Ending::kSucceeded;
  EXPECT_EQ(TaskStateOf(task), v1::TASK_STATE_SUCCEEDED);
  task.state.result = state::Ending::kStopped;
  EXPECT_EQ(TaskStateOf(task), v1::TASK_STATE_STOPPED);
  task.state = {};
  task.stopped = true;
  EXPECT_EQ(TaskStateOf(task), v1::TASK_STATE_STOPPED);
}

TEST(Filter, BoundsAreExact) {
  v1::ListGroupsRequest request;
  EXPECT_EQ(ToCore(request).created_from, WallTime());
  EXPECT_EQ(ToCore(request).created_until, WallTime());
  request.add_states(v1::GROUP_STATE_FAILED);
  request.add_states(v1::GROUP_STATE_RUNNING);
  request.add_states(v1::GROUP_STATE_FAILED);
  (*request.mutable_labels())["b"] = "1";
  (*request.mutable_labels())["a"] = "2";
  request.set_name_prefix("p");
  request.set_id_prefix("i");
  request.set_name("n");
  request.mutable_created_after()->set_nanos(1);       // created >= 1 ns is created >= 1 µs
  request.mutable_created_before()->set_nanos(2'000);  // created < 2 µs
  const GroupFilter filter = ToCore(request);
  EXPECT_EQ(filter.phases, (std::vector<GroupPhase>{GroupPhase::kFailed, GroupPhase::kRunning}));
  EXPECT_EQ(filter.labels, (Labels{{"a", "2"}, {"b", "1"}}));
  EXPECT_EQ(filter.name_prefix, "p");
  EXPECT_EQ(filter.id_prefix, "i");
  EXPECT_EQ(filter.name, "n");
  EXPECT_EQ(filter.created_from, Moment(1));
  EXPECT_EQ(filter.created_until, Moment(2));
  request.mutable_created_before()->set_nanos(0);
  EXPECT_LT(ToCore(request).created_until, WallTime()) << "the epoch is a bound, too";
}

TEST(Output, APieceIsTold) {
  OutputPiece piece{.offset = 10,
                    .dropped = 4,
                    .bytes = "\xFF\x00z",
                    .end = true,
                    .times = {{.offset = 10, .time = Moment(7)}, {.offset = 11, .time = Moment(9)}}};
  const v1::OutputChunk out =
      ToProto(OutputKey{.group = "g", .task = 3, .attempt = 2, .stream = OutputStream::kStderr}, "name",
              std::move(piece));
  EXPECT_EQ(out.group_id(), "g");
  EXPECT_EQ(out.task(), "name");
  EXPECT_EQ(out.attempt(), 2u);
  EXPECT_EQ(out.stream(), v1::OUTPUT_STREAM_STDERR);
  EXPECT_EQ(out.offset(), 10u);
  EXPECT_EQ(out.dropped(), 4u);
  EXPECT_EQ(out.data()[0], '\xFF');
  EXPECT_TRUE(out.end());
  ASSERT_EQ(out.times_size(), 2);
  EXPECT_EQ(out.times(0).offset(), 10u);
  EXPECT_EQ(ToCore(out.times(1).time()), Moment(9));
  EXPECT_EQ(ToCore(v1::OUTPUT_STREAM_UNSPECIFIED), OutputStream::kStdout);
  EXPECT_EQ(ToCore(v1::OUTPUT_STREAM_STDERR), OutputStream::kStderr);
}

}  // namespace
}  // namespace covey
