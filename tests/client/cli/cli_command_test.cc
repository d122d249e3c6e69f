// The other commands against a daemon that does what the test says.

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "tests/client/cli/program.h"
#include "tests/client/fake_daemon.h"

namespace covey::cli {
namespace {

using client::DetailedStatus;
using client::FakeDaemon;

class CliCommandTest : public testing::Test {
 protected:
  FakeDaemon daemon_;
};

TEST_F(CliCommandTest, HelpAndVersionNeedNoDaemon) {
  Program version("unix:/nonexistent", {"--version"});
  EXPECT_EQ(version.Wait(), 0);
  EXPECT_TRUE(version.out().starts_with("covey ")) << version.out();
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"help"},
                                                    {"--help"},
                                                    {"help", "run"},
                                                    {"run", "--help"},
                                                    {"--help", "run"},
                                                    {"wait", "-h"}}) {
    Program help("unix:/nonexistent", arguments);
    EXPECT_EQ(help.Wait(), 0);
    EXPECT_NE(help.out().find("Usage: covey"), std::string::npos);
    EXPECT_EQ(help.err(), "");
  }
}

TEST_F(CliCommandTest, UsageErrorsNameWhatWasMeant) {
  const auto complaint = [this](const std::vector<std::string>& arguments) {
    Program covey(daemon_.address(), arguments);
    EXPECT_EQ(covey.Wait(), 64);
    return covey.err();
  };
  EXPECT_EQ(complaint({}), "covey: a command is missing; see covey help\n");
  EXPECT_EQ(complaint({"rnu"}), "covey: unknown command rnu; did you mean run?\n");
  EXPECT_EQ(complaint({"help", "wiat"}), "covey: unknown command wiat; did you mean wait?\n");
  EXPECT_EQ(complaint({"frobnicate"}), "covey: unknown command frobnicate; see covey help\n");
  EXPECT_EQ(complaint({"kill", "g"}), "covey: unknown command kill; did you mean cancel?\n");
  EXPECT_EQ(complaint({"status"}), "covey: unknown command status; did you mean ps?\n");
  EXPECT_EQ(complaint({"version"}), "covey: unknown command version; did you mean --version?\n");
  EXPECT_EQ(complaint({"--adress", "x", "info"}),
            "covey: unknown option --adress; did you mean --address?\n");
  EXPECT_EQ(complaint({"ps", "--al"}), "covey: unknown option --al; did you mean --all?\n");
  EXPECT_EQ(complaint({"--output", "xml", "ps"}), "covey: --output must be text or json, got xml\n");
  EXPECT_EQ(complaint({"--address", "a", "ps", "--address", "b"}), "covey: --address is given twice\n");
  EXPECT_NE(complaint({"--address", "host:x", "info"}).find("unix:PATH or HOST:PORT"), std::string::npos);
  EXPECT_EQ(complaint({"wait"}), "covey: covey wait needs the id of a group\n");
  EXPECT_EQ(complaint({"cancel"}),
            "covey: covey cancel needs the id of a group, or --label, --name or --all\n");
  EXPECT_NE(complaint({"events", "--after", "3"}).find("--after needs a group"), std::string::npos);
  EXPECT_NE(complaint({"logs", "--from", "3", "g"}).find("GROUP/TASK"), std::string::npos);
  EXPECT_EQ(complaint({"ps", "--output", "json", "x"}),
            "{\"error\":{\"code\":\"INVALID_ARGUMENT\",\"reason\":\"USAGE\",\"message\":\"covey ps takes no "
            "argument, got x\"},"
            "\"exitCode\":64}\n");
}

TEST_F(CliCommandTest, ADaemonOutOfReachIsExit69) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"info"},
                                                    {"ps"},
                                                    {"wait", "g"},
                                                    {"cancel", "g"},
                                                    {"show", "g"},
                                                    {"events", "g"},
                                                    {"logs", "g/t"},
                                                    {"logs", "g"},
                                                    {"run", "--", "x"},
                                                    {"run", "--detach", "--", "x"}}) {
    Program covey("unix:/nonexistent/sock", arguments);
    EXPECT_EQ(covey.Wait(), 69) << arguments[0];
    EXPECT_NE(covey.err().find("cannot reach the daemon at unix:/nonexistent/sock"), std::string::npos)
        << covey.err();
  }
}

TEST_F(CliCommandTest, WaitExitsAsTheFirstOfItsGroupsThatFailed) {
  daemon_.wait_group = [](const v1::WaitGroupRequest& request, v1::WaitGroupResponse* answer) {
    EXPECT_TRUE(request.seal_when_idle());
    v1::Group& group = *answer->mutable_result()->mutable_group();
    group.set_id(request.group_id());
    const int code = std::stoi(request.group_id());
    group.set_state(code == 0 ? v1::GROUP_STATE_SUCCEEDED : v1::GROUP_STATE_FAILED);
    if (code == 0) return grpc::Status::OK;
    v1::Failure& failure = *answer->mutable_result()->mutable_first_failure();
    failure.set_kind(v1::FAILURE_KIND_EXIT);
    failure.set_code(code);
    failure.set_task("t");
    failure.set_detail("last words\n");
    return grpc::Status::OK;
  };
  Program good(daemon_.address(), {"wait", "0"});
  EXPECT_EQ(good.Wait(), 0);
  EXPECT_EQ(good.out(), "0 succeeded: 0 tasks in 0ms\n");
  Program bad(daemon_.address(), {"wait", "7"});
  EXPECT_EQ(bad.Wait(), 7);
  EXPECT_EQ(bad.out(), "7 failed: 0 tasks in 0ms; first failure: task t: exit 7\n  last words\n");
  Program several(daemon_.address(), {"wait", "0", "8", "7"});
  EXPECT_EQ(several.Wait(), 8);
  Program json(daemon_.address(), {"wait", "3", "--output", "json"});
  EXPECT_EQ(json.Wait(), 3);
  EXPECT_EQ(json.out(),
            "{\"group\":{\"id\":\"3\",\"state\":\"GROUP_STATE_FAILED\"},\"firstFailure\":{\"kind\":\"FAILURE_"
            "KIND_EXIT\","
            "\"code\":3,\"detail\":\"last words\\n\",\"task\":\"t\"}}\n");
}

TEST_F(CliCommandTest, WaitNoLongerThanAsked) {
  daemon_.wait_group = [](const auto&, auto*) {
    return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded");
  };
  Program covey(daemon_.address(), {"wait", "--timeout", "1s", "g"});
  EXPECT_EQ(covey.Wait(), 124);
  EXPECT_EQ(covey.err(), "covey: g: the time to wait has passed; the group goes on\n");
}

TEST_F(CliCommandTest, ADaemonThatAnswersInTimeSaysWhatIsNotOver) {
  daemon_.wait_group = [](const v1::WaitGroupRequest& request, v1::WaitGroupResponse* answer) {
    EXPECT_EQ(request.timeout().seconds(), 1);
    EXPECT_EQ(request.timeout().nanos(), 500'000'000);
    answer->mutable_result()->mutable_group()->set_state(v1::GROUP_STATE_RUNNING);
    return grpc::Status::OK;
  };
  Program covey(daemon_.address(), {"wait", "--timeout", "1500ms", "g"});
  EXPECT_EQ(covey.Wait(), 124);
  EXPECT_EQ(covey.err(), "covey: g: the time to wait has passed; the group goes on\n");
  daemon_.drain = [](const v1::DrainRequest& request, v1::DrainResponse* answer) {
    answer->set_running_groups(request.has_timeout() ? 1 : 0);
    return grpc::Status::OK;
  };
  Program drain(daemon_.address(), {"drain", "--timeout", "0s"});
  EXPECT_EQ(drain.Wait(), 124);
  EXPECT_EQ(drain.err(),
            "covey: the time to wait has passed; the daemon takes no groups and goes on draining\n");
}

// Those that wait for others to end begin later, and have what is left.
TEST_F(CliCommandTest, TheTimeToWaitIsOneForAll) {
  std::atomic<int> whole = 0;
  std::atomic<int> rest = 0;
  daemon_.wait_group = [&](const v1::WaitGroupRequest& request, v1::WaitGroupResponse* answer) {
    EXPECT_LE(request.timeout().seconds(), 3600);
    ++(request.timeout().seconds() == 3600 ? whole : rest);
    *answer->mutable_result()->mutable_group()->mutable_end_time() = {};
    answer->mutable_result()->mutable_group()->set_state(v1::GROUP_STATE_SUCCEEDED);
    return grpc::Status::OK;
  };
  std::vector<std::string> arguments = {"wait", "--timeout", "1h"};
  for (int i = 0; i < 103; ++i) arguments.push_back("g" + std::to_string(i));
  Program covey(daemon_.address(), arguments);
  EXPECT_EQ(covey.Wait(), 0);
  EXPECT_EQ(whole, 100);
  EXPECT_EQ(rest, 3);
}

TEST_F(CliCommandTest, CancelTellsEachGroup) {
  std::atomic<int> waiting = 0;
  daemon_.cancel_group = [&waiting](const v1::CancelGroupRequest& request, v1::CancelGroupResponse* answer) {
    if (request.group_id() == "x")
      return DetailedStatus(grpc::StatusCode::NOT_FOUND, "there is no group x", "GROUP_NOT_FOUND");
    EXPECT_EQ(request.reason(), "enough");
    waiting += request.wait() ? 1 : 0;
    answer->mutable_group()->set_state(request.wait() ? v1::GROUP_STATE_CANCELLED : v1::GROUP_STATE_STOPPING);
    return grpc::Status::OK;
  };
  Program wait(daemon_.address(), {"cancel", "--reason", "enough", "a", "x", "b"});
  EXPECT_EQ(wait.Wait(), 1);
  EXPECT_EQ(wait.out(), "a cancelled: 0 tasks\nb cancelled: 0 tasks\n");
  EXPECT_EQ(wait.err(), "covey: there is no group x\n");
  EXPECT_EQ(waiting, 2);
  Program no_wait(daemon_.address(), {"cancel", "--reason=enough", "--no-wait", "a"});
  EXPECT_EQ(no_wait.Wait(), 0);
  EXPECT_EQ(no_wait.out(), "a stopping: 0 tasks\n");
  EXPECT_EQ(waiting, 2);
}

TEST_F(CliCommandTest, CancelAsksAllBeforeItWaitsForOne) {
  std::string asked;  // one after the other
  daemon_.cancel_group = [&asked](const v1::CancelGroupRequest& request, v1::CancelGroupResponse*) {
    asked += request.group_id() + (request.wait() ? "! " : " ");
    return grpc::Status::OK;
  };
  Program two(daemon_.address(), {"cancel", "a", "b"});
  EXPECT_EQ(two.Wait(), 0);
  EXPECT_EQ(std::exchange(asked, {}), "a b a! b! ");
  Program one(daemon_.address(), {"cancel", "a"});
  EXPECT_EQ(one.Wait(), 0);
  EXPECT_EQ(std::exchange(asked, {}), "a! ");
}

TEST_F(CliCommandTest, PsListsPages) {
  daemon_.list_groups = [](const v1::ListGroupsRequest& request, v1::ListGroupsResponse* answer) {
    const bool second = !request.page_token().empty();
    v1::Group& group = *answer->add_groups();
    group.set_id(second ? "g2" : "g1");
    group.mutable_spec()->set_name(second ? "evil\x1b[2J" : "");
    group.set_state(request.states().empty() ? v1::GROUP_STATE_FAILED : v1::GROUP_STATE_RUNNING);
    group.mutable_tasks()->set_submitted(3);
    group.mutable_tasks()->set_failed(1);
    group.mutable_create_time()->set_seconds(1);
    group.mutable_end_time()->set_seconds(3);
    if (!second) answer->set_next_page_token("2");
    return grpc::Status::OK;
  };
  Program ps(daemon_.address(), {"ps", "--times", "utc"});
  EXPECT_EQ(ps.Wait(), 0);
  EXPECT_EQ(
      ps.out(),
      "GROUP  NAME         STATE    DONE  RUNNING  FAILED               CREATED   TIME  WAITS  LABELS  "
      "COMMAND\n"
      "g1     -            running   1/3        0       1  1970-01-01T00:00:01Z  2.00s  seal   -       -\n"
      "g2     evil\\x1b[2J  running   1/3        0       1  1970-01-01T00:00:01Z  2.00s  seal   -       -\n");
  Program all(daemon_.address(), {"ps", "--all", "--output=json"});
  EXPECT_EQ(all.Wait(), 0);
  EXPECT_TRUE(all.out().starts_with("{\"id\":\"g1\",\"spec\":{},\"state\":\"GROUP_STATE_FAILED\""))
      << all.out();
}

TEST_F(CliCommandTest, ShowTellsTheGroupAndItsTasks) {
  daemon_.get_group = [](const v1::GetGroupRequest& request, v1::GetGroupResponse* answer) {
    v1::Group& group = *answer->mutable_group();
    group.set_id(request.group_id());
    group.set_state(v1::GROUP_STATE_FAILED);
    group.mutable_failure()->set_kind(v1::FAILURE_KIND_SIGNAL);
    group.mutable_failure()->set_code(9);
    group.mutable_failure()->set_task("t");
    group.mutable_failure()->set_detail("out of memory\n");
    group.mutable_tasks()->set_submitted(1);
    return grpc::Status::OK;
  };
  daemon_.list_tasks = [](const v1::ListTasksRequest&, v1::ListTasksResponse* answer) {
    v1::Task& task = *answer->add_tasks();
    task.set_name("t");
    task.set_state(v1::TASK_STATE_FAILED);
    task.mutable_spec()->mutable_process()->add_argv("convert");
    return grpc::Status::OK;
  };
  daemon_.get_task = [](const v1::GetTaskRequest& request, v1::GetTaskResponse* answer) {
    EXPECT_EQ(request.task(), "a/b");
    answer->mutable_task()->set_name(request.task());
    return grpc::Status::OK;
  };
  Program group(daemon_.address(), {"show", "g"});
  EXPECT_EQ(group.Wait(), 0);
  EXPECT_NE(group.out().find("state     failed: task t: signal 9 (KILL)\n"), std::string::npos)
      << group.out();
  EXPECT_NE(group.out().find("  | out of memory\n"), std::string::npos);
  EXPECT_NE(group.out().find("t     failed     -  convert\n"), std::string::npos) << group.out();
  Program task(daemon_.address(), {"show", "g/a/b"});
  EXPECT_EQ(task.Wait(), 0);
  EXPECT_TRUE(task.out().starts_with("task      a/b\n")) << task.out();
  Program json(daemon_.address(), {"--output", "json", "show", "g"});
  EXPECT_EQ(json.Wait(), 0);
  EXPECT_NE(json.out().find("}\n{\"name\":\"t\""), std::string::npos) << json.out();
}

TEST_F(CliCommandTest, EventsAreLinesWithNumbers) {
  daemon_.stream_events = [](grpc::ServerContext*, const v1::StreamEventsRequest& request, auto* writer) {
    EXPECT_EQ(request.after(), 4U);
    EXPECT_TRUE(request.follow());
    v1::StreamEventsResponse message;
    v1::Event& event = *message.add_events();
    event.set_number(5);
    event.set_kind(v1::EVENT_KIND_TASK_EXITED);
    event.set_task("t");
    event.set_task_state(v1::TASK_STATE_FAILED);
    event.mutable_failure()->set_kind(v1::FAILURE_KIND_EXIT);
    event.mutable_failure()->set_code(7);
    event.mutable_failure()->set_task("t");
    message.add_events()->set_number(6);
    message.mutable_events(1)->set_kind(v1::EVENT_KIND_GROUP_SEALED);
    writer->Write(message);
    return grpc::Status::OK;
  };
  Program text(daemon_.address(), {"events", "--after", "4", "--follow", "g"});
  EXPECT_EQ(text.Wait(), 0);
  EXPECT_EQ(text.out(), "     5  -  task-exited       t failed (exit 7)\n     6  -  group-sealed\n");
  Program json(daemon_.address(), {"events", "--after=4", "--follow", "g", "--output", "json"});
  EXPECT_EQ(json.Wait(), 0);
  EXPECT_TRUE(json.out().ends_with("{\"number\":\"6\",\"kind\":\"EVENT_KIND_GROUP_SEALED\"}\n"))
      << json.out();
}

TEST_F(CliCommandTest, LogsOfATaskAreItsBytes) {
  const std::string bytes("\0\xff no line end", 14);
  daemon_.read_output = [&bytes](grpc::ServerContext*, const v1::ReadOutputRequest& request, auto* writer) {
    v1::ReadOutputResponse message;
    message.mutable_chunk()->set_task(request.task());
    message.mutable_chunk()->set_stream(request.stream());
    message.mutable_chunk()->set_data(
        request.stream() == v1::OUTPUT_STREAM_STDERR ? "err" : bytes.substr(request.offset()));
    writer->Write(message);
    return grpc::Status::OK;
  };
  Program out(daemon_.address(), {"logs", "g/t"});
  EXPECT_EQ(out.Wait(), 0);
  EXPECT_EQ(out.out(), bytes);
  Program from(daemon_.address(), {"logs", "--from", "1", "g/t"});
  EXPECT_EQ(from.Wait(), 0);
  EXPECT_EQ(from.out(), bytes.substr(1));
  Program err(daemon_.address(), {"logs", "--stderr", "g/t"});
  EXPECT_EQ(err.Wait(), 0);
  EXPECT_EQ(err.out(), "err");
  EXPECT_EQ(err.err(), "");
}

// The end that is looked at first has 64 KiB: six of these lines, and a part of the one before.
TEST_F(CliCommandTest, TheLastLinesBeginAtTheirBeginning) {
  std::string bytes;
  for (char line = 'a'; line <= 'z'; ++line) bytes += std::string(9'999, line) + "\n";
  daemon_.get_task = [&bytes](const v1::GetTaskRequest&, v1::GetTaskResponse* answer) {
    answer->mutable_task()->set_stdout_bytes(bytes.size());
    return grpc::Status::OK;
  };
  daemon_.read_output = [&bytes](grpc::ServerContext*, const v1::ReadOutputRequest& request, auto* writer) {
    v1::ReadOutputResponse message;
    message.mutable_chunk()->set_offset(request.offset());
    message.mutable_chunk()->set_data(bytes.substr(request.offset()));
    writer->Write(message);
    return grpc::Status::OK;
  };
  for (size_t lines = 5; lines <= 8; ++lines) {
    Program covey(daemon_.address(), {"logs", "--tail", std::to_string(lines), "g/t"});
    EXPECT_EQ(covey.Wait(), 0);
    EXPECT_TRUE(covey.out() == bytes.substr(bytes.size() - lines * 10'000)) << lines;
  }
}

TEST_F(CliCommandTest, LogsOfAGroupStandBehindNames) {
  daemon_.list_tasks = [](const v1::ListTasksRequest&, v1::ListTasksResponse* answer) {
    for (const char* name : {"a", "b", "silent"}) {
      v1::Task& task = *answer->add_tasks();
      task.set_name(name);
      task.set_state(v1::TASK_STATE_SUCCEEDED);
      if (task.name() != "silent") task.set_stdout_bytes(3);
      if (task.name() == "b") task.set_stderr_bytes(3);
    }
    return grpc::Status::OK;
  };
  daemon_.read_output = [](grpc::ServerContext*, const v1::ReadOutputRequest& request, auto* writer) {
    EXPECT_NE(request.task(), "silent") << "there is nothing to read";
    v1::ReadOutputResponse message;
    message.mutable_chunk()->set_task(request.task());
    message.mutable_chunk()->set_stream(request.stream());
    message.mutable_chunk()->set_data("x\ny");
    writer->Write(message);
    return grpc::Status::OK;
  };
  Program both(daemon_.address(), {"logs", "g"});
  EXPECT_EQ(both.Wait(), 0);
  EXPECT_EQ(both.out(), "a | x\na | y\nb | x\nb | y\n");
  EXPECT_EQ(both.err(), "b | x\nb | y\n");
  Program err(daemon_.address(), {"logs", "--stderr", "g"});
  EXPECT_EQ(err.Wait(), 0);
  EXPECT_EQ(err.out(), "");
  EXPECT_EQ(err.err(), "b | x\nb | y\n");
}

TEST_F(CliCommandTest, FollowingAGroupShowsItsTasksAsTheyWrite) {
  daemon_.stream_output = [](grpc::ServerContext*, const v1::StreamOutputRequest& request, auto* writer) {
    EXPECT_EQ(request.group_id(), "g");
    EXPECT_TRUE(request.follow());
    const auto say = [&](const char* task, v1::OutputStream stream, const char* data) {
      if (request.stream() != v1::OUTPUT_STREAM_UNSPECIFIED && request.stream() != stream) return;
      v1::StreamOutputResponse message;
      message.mutable_chunk()->set_task(task);
      message.mutable_chunk()->set_stream(stream);
      message.mutable_chunk()->set_data(data);
      writer->Write(message);
    };
    say("a", v1::OUTPUT_STREAM_STDOUT, "one\n");
    say("b", v1::OUTPUT_STREAM_STDERR, "two\n");
    say("a", v1::OUTPUT_STREAM_STDOUT, "three");
    return grpc::Status::OK;
  };
  daemon_.wait_group = [](const v1::WaitGroupRequest&, v1::WaitGroupResponse* answer) {
    answer->mutable_result()->mutable_group()->set_state(v1::GROUP_STATE_SUCCEEDED);
    return grpc::Status::OK;
  };
  Program both(daemon_.address(), {"logs", "--follow", "g"});
  EXPECT_EQ(both.Wait(), 0);
  EXPECT_EQ(both.out(), "a | one\na | three\n");
  EXPECT_EQ(both.err(), "b | two\n");
  Program err(daemon_.address(), {"logs", "--follow", "--stderr", "g"});
  EXPECT_EQ(err.Wait(), 0);
  EXPECT_EQ(err.out() + err.err(), "b | two\n");
}

TEST_F(CliCommandTest, InfoTellsAboutTheDaemon) {
  daemon_.get_server_info = [](const auto&, v1::GetServerInfoResponse* answer) {
    answer->set_version("1.2.3");
    answer->mutable_uptime()->set_seconds(61);
    answer->mutable_journal()->set_backend("sqlite");
    answer->mutable_journal()->set_durable(true);
    answer->add_functions("covey.echo");
    answer->add_functions("covey.noop");
    return grpc::Status::OK;
  };
  Program text(daemon_.address(), {"info"});
  EXPECT_EQ(text.Wait(), 0);
  for (const char* part :
       {"version    1.2.3\n", "up         1m01s", "sqlite, durable", "covey.echo, covey.noop"}) {
    EXPECT_NE(text.out().find(part), std::string::npos) << text.out();
  }
  // The flag wins over the environment, before and behind the command.
  Program flag("unix:/nonexistent", {"--address", daemon_.address(), "info", "--output=json"});
  EXPECT_EQ(flag.Wait(), 0);
  EXPECT_TRUE(flag.out().starts_with("{\"version\":\"1.2.3\"")) << flag.out();
}

TEST_F(CliCommandTest, ErrorsOfTheDaemonShowTheirFields) {
  daemon_.list_groups = [](const auto&, auto*) {
    return DetailedStatus(grpc::StatusCode::INVALID_ARGUMENT, "bad\nrequest", "BAD",
                          {{"page_size", "must be 1..1000"}});
  };
  Program text(daemon_.address(), {"ps"});
  EXPECT_EQ(text.Wait(), 64);
  EXPECT_EQ(text.err(), "covey: page_size: must be 1..1000\n");
  Program json(daemon_.address(), {"ps", "--output", "json"});
  EXPECT_EQ(json.Wait(), 64);
  EXPECT_EQ(json.err(),
            "{\"error\":{\"code\":\"INVALID_ARGUMENT\",\"reason\":\"BAD\",\"message\":\"bad\\nrequest\","
            "\"fields\":[{\"field\":\"page_size\",\"description\":\"must be 1..1000\"}]},\"exitCode\":64}\n");
}

TEST_F(CliCommandTest, WhatTheMessageSaysIsNotSaidAgain) {
  daemon_.list_groups = [](const auto&, auto*) {
    return DetailedStatus(grpc::StatusCode::INVALID_ARGUMENT, "page_size: must be 1..1000", "BAD",
                          {{"page_size", "must be 1..1000"}});
  };
  Program text(daemon_.address(), {"ps"});
  EXPECT_EQ(text.Wait(), 64);
  EXPECT_EQ(text.err(), "covey: page_size: must be 1..1000\n");
}

}  // namespace
}  // namespace covey::cli
