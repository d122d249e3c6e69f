// `covey run` against a daemon that does what the test says.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "tests/client/cli/program.h"
#include "tests/client/fake_daemon.h"

namespace covey::cli {
namespace {

using client::DetailedStatus;
using client::FakeDaemon;
using client::RunGroupServerStream;

v1::RunGroupResponse Output(const std::string& task, const std::string& data, v1::OutputStream stream,
                            bool end = false) {
  v1::RunGroupResponse message;
  message.mutable_output()->set_task(task);
  message.mutable_output()->set_data(data);
  message.mutable_output()->set_stream(stream);
  message.mutable_output()->set_end(end);
  return message;
}

v1::RunGroupResponse Created() {
  v1::RunGroupResponse message;
  message.mutable_created()->set_id("g1");
  return message;
}

v1::Failure ExitFailure(const std::string& task, int code) {
  v1::Failure failure;
  failure.set_kind(v1::FAILURE_KIND_EXIT);
  failure.set_code(code);
  failure.set_task(task);
  return failure;
}

v1::RunGroupResponse ResultOf(v1::GroupState state, int tasks) {
  v1::RunGroupResponse message;
  v1::Group& group = *message.mutable_result()->mutable_group();
  group.set_state(state);
  group.mutable_tasks()->set_submitted(static_cast<uint32_t>(tasks));
  group.mutable_create_time()->set_seconds(1);
  group.mutable_end_time()->set_seconds(2);
  return message;
}

const char kTask[] = "{\"process\":{\"argv\":[\"true\"]}}\n";

class CliRunTest : public testing::Test {
 protected:
  // Reads all requests, says `messages`, then `result`.
  void Script(std::vector<v1::RunGroupResponse> messages, v1::RunGroupResponse result) {
    daemon_.run_group = [this, messages, result](grpc::ServerContext*, RunGroupServerStream* stream) {
      v1::RunGroupRequest request;
      stream->Read(&first_);
      stream->Write(Created());
      while (stream->Read(&request)) ++later_messages_;
      for (const v1::RunGroupResponse& message : messages) stream->Write(message);
      stream->Write(result);
      return grpc::Status::OK;
    };
  }
  // Runs until it is cancelled; then, with `obey`, ends. Writes output all the time when `chatty`.
  void ScriptEndless(bool obey, bool chatty) {
    daemon_.run_group = [this, obey, chatty](grpc::ServerContext* context, RunGroupServerStream* stream) {
      stream->Read(&first_);
      stream->Write(Created());
      stream->Write(Output("t", "started\n", v1::OUTPUT_STREAM_STDOUT));
      while (!context->IsCancelled() && !(obey && cancelled_)) {
        if (chatty) stream->Write(Output("t", "more\n", v1::OUTPUT_STREAM_STDOUT));
        std::this_thread::yield();
      }
      dropped_ = context->IsCancelled();
      stream->Write(ResultOf(v1::GROUP_STATE_CANCELLED, 1));
      return grpc::Status::OK;
    };
    daemon_.cancel_group = [this](const v1::CancelGroupRequest& request, v1::CancelGroupResponse* answer) {
      reason_ = request.reason();
      cancelled_ = true;
      answer->mutable_group()->set_id(request.group_id());
      return grpc::Status::OK;
    };
  }

  FakeDaemon daemon_;
  v1::RunGroupRequest first_;
  std::atomic<int> later_messages_ = 0;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> dropped_ = false;
  std::string reason_;
};

TEST_F(CliRunTest, OutputStandsBehindNamesAndTheLastLineSumsUp) {
  v1::RunGroupResponse result = ResultOf(v1::GROUP_STATE_SUCCEEDED, 2);
  result.mutable_result()->mutable_group()->mutable_tasks()->set_succeeded(2);
  Script({Output("a", "one\ntwo", v1::OUTPUT_STREAM_STDOUT), Output("b", "uh\n", v1::OUTPUT_STREAM_STDERR),
          Output("a", "", v1::OUTPUT_STREAM_STDOUT, true)},
         result);
  Program covey(daemon_.address(), {"run", "-f", "-"}, {.input = kTask});
  EXPECT_EQ(covey.Wait(), 0);
  EXPECT_EQ(covey.out(), "a | one\na | two\n");
  EXPECT_EQ(covey.err(), "b | uh\ncovey: succeeded: 2 tasks (2 succeeded) in 1.00s\n");
}

TEST_F(CliRunTest, OptionsMakeTheSpec) {
  Script({}, ResultOf(v1::GROUP_STATE_SUCCEEDED, 1));
  Program covey(daemon_.address(), {"run",      "--policy", "all",       "--max-failures=2",
                                    "--limit",  "4",        "--timeout", "1.5s",
                                    "--pool",   "p",        "--name",    "n",
                                    "--label",  "a=1",      "--label",   "b=2",
                                    "--env",    "X=y",      "--grace",   "3s",
                                    "--linger", "5s",       "--",        "/bin/echo",
                                    "--name",   "-f"});
  EXPECT_EQ(covey.Wait(), 0) << covey.err();
  const v1::GroupSpec& spec = first_.options().spec();
  EXPECT_EQ(spec.policy(), v1::POLICY_ALL);
  EXPECT_EQ(spec.max_failures(), 2U);
  EXPECT_EQ(spec.limit(), 4U);
  EXPECT_EQ(spec.timeout().nanos(), 500'000'000);
  EXPECT_EQ(spec.pool(), "p");
  EXPECT_EQ(spec.name(), "n");
  EXPECT_EQ(spec.labels().at("b"), "2");
  EXPECT_TRUE(first_.options().output());
  EXPECT_FALSE(first_.options().events()) << "nobody looks at them";
  ASSERT_EQ(first_.tasks_size(), 1);
  EXPECT_EQ(first_.tasks(0).name(), "echo");
  const v1::ProcessSpec& process = first_.tasks(0).process();
  EXPECT_EQ(process.argv_size(), 3);
  EXPECT_EQ(process.env().at("X"), "y");
  EXPECT_EQ(process.env().size(), 1U);
  EXPECT_EQ(process.grace().seconds(), 3);
  EXPECT_EQ(process.linger().seconds(), 5);
  std::array<char, 4096> here{};
  EXPECT_EQ(process.working_dir(), getcwd(here.data(), here.size()));
}

TEST_F(CliRunTest, ExitsAsTheFirstFailure) {
  v1::RunGroupResponse result = ResultOf(v1::GROUP_STATE_FAILED, 3);
  *result.mutable_result()->mutable_first_failure() = ExitFailure("2", 7);
  *result.mutable_result()->add_failures() = ExitFailure("2", 7);
  *result.mutable_result()->add_failures() = ExitFailure("1", 8);
  *result.mutable_result()->mutable_group()->mutable_failure() = ExitFailure("2", 7);
  Script({}, result);
  Program covey(daemon_.address(), {"run", "-f", "-"},
                {.input = std::string(kTask) + kTask + "# last\n" + kTask});
  EXPECT_EQ(covey.Wait(), 7);
  EXPECT_EQ(covey.err(),
            "covey: task 1: exit 8\ncovey: failed: 3 tasks in 1.00s; first failure: task 2: exit 7\n");
}

TEST_F(CliRunTest, OutputThatWasLostIsAnErrorOfItsOwn) {
  v1::RunGroupResponse gap = Output("a", "end\n", v1::OUTPUT_STREAM_STDOUT);
  gap.mutable_output()->set_dropped(7);
  gap.mutable_output()->set_offset(7);
  Script({gap}, ResultOf(v1::GROUP_STATE_SUCCEEDED, 1));
  Program succeeded(daemon_.address(), {"run", "--", "true"});
  EXPECT_EQ(succeeded.Wait(), 74);
  EXPECT_NE(succeeded.err().find("7 bytes of output were lost"), std::string::npos) << succeeded.err();
  Program json(daemon_.address(), {"run", "--output", "json", "--", "true"});
  EXPECT_EQ(json.Wait(), 74);
  // What failed comes first.
  v1::RunGroupResponse failed = ResultOf(v1::GROUP_STATE_FAILED, 1);
  *failed.mutable_result()->mutable_first_failure() = ExitFailure("a", 5);
  Script({gap}, failed);
  Program program(daemon_.address(), {"run", "--", "true"});
  EXPECT_EQ(program.Wait(), 5);
}

TEST_F(CliRunTest, AStackIsShownSinceNobodyPrintedIt) {
  v1::RunGroupResponse result = ResultOf(v1::GROUP_STATE_FAILED, 1);
  v1::Failure& failure = *result.mutable_result()->mutable_first_failure();
  failure.set_kind(v1::FAILURE_KIND_PANIC);
  failure.set_message("std::runtime_error: boom");
  failure.set_detail("at f\nat g\n");
  failure.set_task("0");
  Script({}, result);
  Program covey(daemon_.address(), {"run", "-f", "-"}, {.input = kTask});
  EXPECT_EQ(covey.Wait(), 1);
  EXPECT_EQ(covey.err(),
            "  at f\n  at g\ncovey: failed: 1 task in 1.00s; first failure: task 0: panic: "
            "std::runtime_error: boom\n");
}

TEST_F(CliRunTest, ManyTasksGoInManyMessages) {
  Script({}, ResultOf(v1::GROUP_STATE_SUCCEEDED, 5'000));
  std::string input;
  for (int i = 0; i < 5'000; ++i) input += kTask;
  Program covey(daemon_.address(), {"run", "-f", "-"}, {.input = input});
  EXPECT_EQ(covey.Wait(), 0) << covey.err();
  EXPECT_GE(later_messages_, 4);
}

TEST_F(CliRunTest, TasksStartWhileTheFileIsStillBeingWritten) {
  daemon_.run_group = [](grpc::ServerContext*, RunGroupServerStream* stream) {
    v1::RunGroupRequest request;
    stream->Read(&request);
    stream->Write(Created());
    stream->Write(Output("0", "first\n", v1::OUTPUT_STREAM_STDOUT));
    while (stream->Read(&request)) stream->Write(Output("1", "later\n", v1::OUTPUT_STREAM_STDOUT));
    stream->Write(ResultOf(v1::GROUP_STATE_SUCCEEDED, 2));
    return grpc::Status::OK;
  };
  Program covey(daemon_.address(), {"run", "-f", "-"}, {.input = kTask, .keep_input_open = true});
  covey.AwaitOut("0 | first\n");
  covey.Input(kTask);
  covey.AwaitOut("1 | later\n");
  covey.CloseInput();
  EXPECT_EQ(covey.Wait(), 0);
}

TEST_F(CliRunTest, ABadFirstTaskStartsNothing) {
  std::atomic<bool> called = false;
  daemon_.run_group = [&called](grpc::ServerContext*, RunGroupServerStream*) {
    called = true;
    return grpc::Status::OK;
  };
  Program covey(daemon_.address(), {"run", "-f", "-"}, {.input = std::string(kTask) + "{\"procss\":1}\n"});
  EXPECT_EQ(covey.Wait(), 64);
  EXPECT_EQ(covey.err(), "covey: standard input:2: procss: there is no such field; did you mean process?\n");
  EXPECT_FALSE(called);
}

TEST_F(CliRunTest, ABadLaterTaskCancelsTheGroup) {
  ScriptEndless(true, false);
  Program covey(daemon_.address(), {"run", "-f", "-"}, {.input = kTask, .keep_input_open = true});
  covey.AwaitOut("started");
  covey.Input("{\"name\":\"x\"}\n");
  EXPECT_EQ(covey.Wait(), 64);
  const std::string why =
      "standard input:2: one of \"process\" and \"function\" is required, as in "
      "{\"process\":{\"argv\":[\"make\",\"all\"]}}";
  EXPECT_EQ(reason_, why);
  EXPECT_EQ(covey.err(), "covey: " + why + "\ncovey: cancelled: 1 task in 1.00s\n");
}

TEST_F(CliRunTest, ARefusedTaskIsNamedByItsLine) {
  daemon_.run_group = [](grpc::ServerContext*, RunGroupServerStream*) {
    return DetailedStatus(grpc::StatusCode::INVALID_ARGUMENT, "bad tasks", "BAD",
                          {{"tasks[1].process.grace", "grace must be 0s..24h"}});
  };
  Program covey(daemon_.address(), {"run", "-f", "-"}, {.input = std::string(kTask) + "\n" + kTask});
  EXPECT_EQ(covey.Wait(), 64);
  EXPECT_EQ(covey.err(), "covey: standard input:3: process.grace must be 0s..24h\n");
}

TEST_F(CliRunTest, InterruptCancelsAndWaits) {
  ScriptEndless(true, false);
  Program covey(daemon_.address(), {"run", "--", "sleep", "60"});
  covey.AwaitOut("started");
  covey.Signal(SIGINT);
  EXPECT_EQ(covey.Wait(), 130);
  EXPECT_EQ(reason_, "interrupted with Ctrl-C");
  EXPECT_FALSE(dropped_) << "the call went on to its result";
  EXPECT_NE(covey.err().find("cancelling"), std::string::npos);
  EXPECT_NE(covey.err().find("covey: cancelled: 1 task"), std::string::npos);
}

TEST_F(CliRunTest, TerminationCancelsAndWaits) {
  ScriptEndless(true, false);
  Program covey(daemon_.address(), {"run", "--", "sleep", "60"});
  covey.AwaitOut("started");
  covey.Signal(SIGTERM);
  EXPECT_EQ(covey.Wait(), 143);
  EXPECT_TRUE(cancelled_);
}

TEST_F(CliRunTest, ASecondInterruptLeavesAtOnce) {
  ScriptEndless(false, false);
  Program covey(daemon_.address(), {"run", "--", "sleep", "60"});
  covey.AwaitOut("started");
  covey.Signal(SIGINT);
  covey.AwaitErr("cancelling");
  covey.Signal(SIGINT);
  EXPECT_EQ(covey.Wait(), 130);
  const auto end = std::chrono::steady_clock::now() + client::kBound;
  while (!dropped_ && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(dropped_) << "the end of the program ends the call";
}

TEST_F(CliRunTest, AnInterruptBeforeThereIsATaskMakesNoGroup) {
  Program covey(daemon_.address(), {"run", "-f", "-"}, {.keep_input_open = true});
  // Until the program has blocked the signal it would simply die of it, which is as good.
  covey.Signal(SIGINT);
  const int code = covey.Wait();
  EXPECT_TRUE(code == 130 || code == -SIGINT) << code;
}

TEST_F(CliRunTest, IgnoredInterruptsStayIgnored) {
  daemon_.run_group = [this](grpc::ServerContext*, RunGroupServerStream* stream) {
    v1::RunGroupRequest request;
    stream->Read(&request);
    stream->Write(Created());
    stream->Write(Output("t", "started\n", v1::OUTPUT_STREAM_STDOUT));
    while (stream->Read(&request)) {
    }
    stream->Write(ResultOf(v1::GROUP_STATE_SUCCEEDED, 1));
    return grpc::Status::OK;
  };
  Program covey(daemon_.address(), {"run", "-f", "-"},
                {.input = kTask, .keep_input_open = true, .ignore_interrupts = true});
  covey.AwaitOut("started");
  covey.Signal(SIGINT);
  covey.CloseInput();
  EXPECT_EQ(covey.Wait(), 0);
}

TEST_F(CliRunTest, AClosedOutputCancelsTheGroup) {
  ScriptEndless(true, true);
  Program covey(daemon_.address(), {"run", "--", "yes"}, {.nobody_reads = true});
  EXPECT_EQ(covey.Wait(), 141);
  EXPECT_TRUE(cancelled_);
  EXPECT_EQ(reason_, "nobody reads the output");
}

TEST_F(CliRunTest, RawOutputIsBytes) {
  Script({Output("a", "one\ntw", v1::OUTPUT_STREAM_STDOUT), Output("a", "o", v1::OUTPUT_STREAM_STDOUT, true)},
         ResultOf(v1::GROUP_STATE_SUCCEEDED, 1));
  Program covey(daemon_.address(), {"run", "--raw", "--", "x"});
  EXPECT_EQ(covey.Wait(), 0);
  EXPECT_EQ(covey.out(), "one\ntwo");
}

TEST_F(CliRunTest, JsonIsOneObjectALine) {
  Script({Output("a", "x\n", v1::OUTPUT_STREAM_STDOUT)}, ResultOf(v1::GROUP_STATE_FAILED, 1));
  Program covey(daemon_.address(), {"--output", "json", "run", "--", "x"});
  EXPECT_EQ(covey.Wait(), 1);
  EXPECT_TRUE(first_.options().events());
  EXPECT_EQ(covey.out(),
            "{\"created\":{\"id\":\"g1\"}}\n"
            "{\"output\":{\"task\":\"a\",\"stream\":\"OUTPUT_STREAM_STDOUT\",\"data\":\"eAo=\"}}\n"
            "{\"result\":{\"group\":{\"state\":\"GROUP_STATE_FAILED\",\"tasks\":{\"submitted\":1},"
            "\"createTime\":\"1970-01-01T00:00:01Z\",\"endTime\":\"1970-01-01T00:00:02Z\"}}}\n");
  EXPECT_EQ(covey.err(), "");
}

TEST_F(CliRunTest, ADaemonThatGoesAwayIsSaid) {
  daemon_.run_group = [](grpc::ServerContext*, RunGroupServerStream* stream) {
    v1::RunGroupRequest request;
    stream->Read(&request);
    stream->Write(Created());
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed");
  };
  Program covey(daemon_.address(), {"run", "--", "x"});
  EXPECT_EQ(covey.Wait(), 69);
  EXPECT_EQ(covey.err(), "covey: lost the daemon at " + daemon_.address() + " (Socket closed)\n");
}

}  // namespace
}  // namespace covey::cli
