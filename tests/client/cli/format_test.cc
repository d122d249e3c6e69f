#include "client/cli/format.h"

#include <gtest/gtest.h>

#include <string>

#include "client/cli/json.h"
#include "client/cli/table.h"
#include "client/cli/target.h"

namespace covey::cli {
namespace {

v1::Failure FailureOf(v1::FailureKind kind, int code, const std::string& message,
                      const std::string& task = "") {
  v1::Failure failure;
  failure.set_kind(kind);
  failure.set_code(code);
  failure.set_message(message);
  failure.set_task(task);
  return failure;
}

TEST(FormatTest, FailuresAreSaidOnce) {
  EXPECT_EQ(FailureText(FailureOf(v1::FAILURE_KIND_EXIT, 7, "")), "exit 7");
  EXPECT_EQ(FailureText(FailureOf(v1::FAILURE_KIND_EXIT, 7, "exit 7")), "exit 7");
  EXPECT_EQ(FailureText(FailureOf(v1::FAILURE_KIND_EXIT, 7, "exited with code 7")), "exit 7");
  EXPECT_EQ(FailureText(FailureOf(v1::FAILURE_KIND_SIGNAL, 9, "ended by SIGKILL")), "signal 9 (KILL)");
  EXPECT_EQ(FailureText(FailureOf(v1::FAILURE_KIND_EXIT, 127, "no such program")),
            "exit 127: no such program");
  EXPECT_EQ(FailureText(FailureOf(v1::FAILURE_KIND_SIGNAL, 9, "")), "signal 9 (KILL)");
  EXPECT_EQ(FailureText(FailureOf(v1::FAILURE_KIND_SIGNAL, 1000, "")), "signal 1000");
  EXPECT_EQ(FailureText(FailureOf(v1::FAILURE_KIND_PANIC, 0, "std::bad_alloc")), "panic: std::bad_alloc");
  EXPECT_EQ(FailureText(FailureOf(v1::FAILURE_KIND_ERROR, 3, "x\ny")), "error 3: x\\ny");
  EXPECT_EQ(BlameText(FailureOf(v1::FAILURE_KIND_TIMEOUT, 0, "", "a\x1b")), "task a\\x1b: timeout");
  EXPECT_EQ(BlameText(FailureOf(v1::FAILURE_KIND_CANCELLED, 0, "cancelled: enough")), "cancelled: enough");
}

TEST(FormatTest, TheResultIsOneLine) {
  v1::GroupResult result;
  v1::Group& group = *result.mutable_group();
  group.set_state(v1::GROUP_STATE_FAILED);
  group.mutable_tasks()->set_submitted(3);
  group.mutable_tasks()->set_failed(1);
  group.mutable_tasks()->set_stopped(2);
  group.mutable_create_time()->set_seconds(100);
  group.mutable_end_time()->set_seconds(101);
  group.mutable_end_time()->set_nanos(500'000'000);
  *group.mutable_failure() = FailureOf(v1::FAILURE_KIND_EXIT, 7, "", "2");
  *result.mutable_first_failure() = group.failure();
  EXPECT_EQ(ResultText(result),
            "failed: 3 tasks (1 failed, 2 stopped) in 1.50s; first failure: task 2: exit 7");
  *group.mutable_failure() = FailureOf(v1::FAILURE_KIND_TIMEOUT, 0, "");
  EXPECT_EQ(ResultText(result),
            "failed: 3 tasks (1 failed, 2 stopped) in 1.50s; timeout; first failure: task 2: exit 7");
  *group.mutable_failure() =
      FailureOf(v1::FAILURE_KIND_ERROR, 0, "1 of 3 tasks failed; first task 2: exit 7");
  EXPECT_EQ(ResultText(result),
            "failed: 3 tasks (1 failed, 2 stopped) in 1.50s; first failure: task 2: exit 7");
  group.clear_failure();
  result.clear_first_failure();
  group.set_state(v1::GROUP_STATE_SUCCEEDED);
  group.mutable_tasks()->Clear();
  group.mutable_tasks()->set_submitted(1);
  EXPECT_EQ(ResultText(result), "succeeded: 1 task in 1.50s");
}

TEST(FormatTest, ATaskThatNeverRanFailedInNothing) {
  v1::Task task;
  EXPECT_EQ(TaskFailureText(task), "");
  task.set_state(v1::TASK_STATE_STOPPED);
  EXPECT_EQ(TaskFailureText(task), "never started");
  *task.mutable_failure() = FailureOf(v1::FAILURE_KIND_LOST, 0, "the daemon died before it had ended", "ran");
  EXPECT_EQ(TaskFailureText(task), "never started; task ran: lost: the daemon died before it had ended");
  task.set_attempt(1);
  EXPECT_EQ(TaskFailureText(task), "task ran: lost: the daemon died before it had ended");
  task.set_state(v1::TASK_STATE_FAILED);
  EXPECT_EQ(TaskFailureText(task), "lost: the daemon died before it had ended");
}

TEST(FormatTest, WordsOfTheContract) {
  EXPECT_EQ(EventText(v1::EVENT_KIND_TASK_SUBMITTED), "task-submitted");
  EXPECT_EQ(EventText(static_cast<v1::EventKind>(99)), "event-99");
  EXPECT_EQ(StateText(v1::GROUP_STATE_STOPPING), "stopping");
  EXPECT_EQ(StateText(v1::TASK_STATE_QUEUED), "queued");
  EXPECT_EQ(PolicyText(v1::POLICY_UNSPECIFIED), "all");
  google::protobuf::Timestamp time;
  EXPECT_EQ(TimeText(time), "-");
  time.set_seconds(1'715'000'889);
  time.set_nanos(12'000'000);
  EXPECT_EQ(TimeText(time), "2024-05-06T13:08:09.012Z");
  google::protobuf::Map<std::string, std::string> labels;
  EXPECT_EQ(LabelsText(labels), "-");
  labels["b"] = "2";
  labels["a"] = "1\n";
  EXPECT_EQ(LabelsText(labels), "a=1\\n,b=2");
  EXPECT_EQ(Indented("> ", "a\nb\x1b\n\n"), "> a\n> b\\x1b\n");
  EXPECT_EQ(Indented("> ", ""), "");
}

TEST(FormatTest, WorkIsQuotedAsAShellNeedsIt) {
  v1::TaskSpec spec;
  for (const char* argument : {"sh", "-c", "echo 'x' | cat", "", "a=b"})
    spec.mutable_process()->add_argv(argument);
  EXPECT_EQ(WorkText(spec), "sh -c 'echo '\\''x'\\'' | cat' '' a=b");
  spec.mutable_function()->set_name("covey.echo");
  EXPECT_EQ(WorkText(spec), "covey.echo");
}

TEST(TableTest, FitsItsWidth) {
  Table table({{.heading = "ID"}, {.heading = "NAME", .shrinks = true}, {.heading = "N", .right = true}});
  table.Add({"one", "a long name indeed", "1"});
  table.Add({"two", "b", "100"});
  EXPECT_EQ(table.Render(0),
            "ID   NAME                  N\n"
            "one  a long name indeed    1\n"
            "two  b                   100\n");
  EXPECT_EQ(table.Render(20),
            "ID   NAME          N\n"
            "one  a long na…    1\n"
            "two  b           100\n");
  EXPECT_NE(table.Render(3).find("a lon…"), std::string::npos) << "columns keep a readable rest";
}

TEST(TargetTest, SplitsAtTheFirstSlash) {
  EXPECT_EQ(ParseTarget("g").value().group, "g");
  EXPECT_TRUE(ParseTarget("g").value().task.empty());
  EXPECT_EQ(ParseTarget("g/a/b").value().task, "a/b");
  EXPECT_FALSE(ParseTarget("").ok());
  EXPECT_FALSE(ParseTarget("/t").ok());
  EXPECT_FALSE(ParseTarget("g/").ok());
}

TEST(JsonTest, MessagesAreOneLineOfStandardJson) {
  v1::Event event;
  event.set_group_id("g\n");
  event.set_number(3);
  event.set_kind(v1::EVENT_KIND_TASK_EXITED);
  EXPECT_EQ(ToJson(event), R"({"groupId":"g\n","number":"3","kind":"EVENT_KIND_TASK_EXITED"})");
}

TEST(JsonTest, ErrorsAreOneObject) {
  const Error error{.code = ErrorCode::kInvalidArgument,
                    .reason = "BAD",
                    .message = "a \"b\"",
                    .fields = {{.field = "x", .description = "y"}, {.field = "z", .description = ""}}};
  EXPECT_EQ(ToJson(error, 64),
            R"({"error":{"code":"INVALID_ARGUMENT","reason":"BAD","message":"a \"b\"","fields":[)"
            R"({"field":"x","description":"y"},{"field":"z","description":""}]},"exitCode":64})");
}

}  // namespace
}  // namespace covey::cli
