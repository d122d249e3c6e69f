// What `covey run` makes of its input, against a daemon that does what the test says.

#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <string>
#include <tuple>
#include <vector>

#include "tests/client/cli/program.h"
#include "tests/client/fake_daemon.h"

namespace covey::cli {
namespace {

using client::RunGroupServerStream;

class CliInputTest : public testing::Test {
 protected:
  // Takes all tasks, and writes a line for each group of them.
  CliInputTest() {
    daemon_.run_group = [this](grpc::ServerContext*, RunGroupServerStream* stream) {
      v1::RunGroupRequest request;
      for (bool first = true; stream->Read(&request); first = false) {
        if (first) options_ = request.options();
        for (const v1::TaskSpec& task : request.tasks()) tasks_.push_back(task);
        if (first) Begin(stream);
      }
      v1::RunGroupResponse output;
      output.mutable_output()->set_task("t");
      output.mutable_output()->set_data("written\n");
      stream->Write(output);
      v1::RunGroupResponse message;
      v1::Group& group = *message.mutable_result()->mutable_group();
      group.set_state(v1::GROUP_STATE_SUCCEEDED);
      stream->Write(message);
      return grpc::Status::OK;
    };
  }
  void Begin(RunGroupServerStream* stream) const {
    v1::RunGroupResponse created;
    created.mutable_created()->set_id("g1");
    stream->Write(created);
    if (!decided_) return;
    v1::RunGroupResponse message;
    message.add_events()->set_kind(v1::EVENT_KIND_GROUP_DECIDED);
    stream->Write(message);
  }

  client::FakeDaemon daemon_;
  std::atomic<bool> decided_ = false;  // the group, at once
  v1::RunGroupOptions options_;
  std::vector<v1::TaskSpec> tasks_;
};

TEST_F(CliInputTest, LinesAreArgumentsOfAProgram) {
  Program covey(daemon_.address(), {"run", "--each", "--cwd", "/", "--", "convert", "{}", "{.}.jpg"},
                {.input = "a b.png\nc.png"});
  EXPECT_EQ(covey.Wait(), 0) << covey.err();
  ASSERT_EQ(tasks_.size(), 2U);
  EXPECT_EQ(tasks_[0].process().argv(1), "a b.png");
  EXPECT_EQ(tasks_[0].process().argv(2), "a b.jpg");
  EXPECT_EQ(tasks_[1].process().argv(2), "c.jpg");
  EXPECT_EQ(tasks_[1].process().working_dir(), "/");
  EXPECT_EQ(covey.out(), "t | written\n");
}

TEST_F(CliInputTest, OneProgramHasNoNameBeforeItsOutput) {
  Program covey(daemon_.address(), {"run", "--", "echo"});
  EXPECT_EQ(covey.Wait(), 0);
  EXPECT_EQ(covey.out(), "written\n");
}

TEST_F(CliInputTest, StandardInputIsPassedOn) {
  const std::string bytes(1'000'000, '\xFF');
  Program covey(daemon_.address(), {"run", "--stdin", "--", "cat"}, {.input = bytes});
  EXPECT_EQ(covey.Wait(), 0) << covey.err();
  ASSERT_EQ(tasks_.size(), 1U);
  EXPECT_TRUE(tasks_[0].process().standard_input() == bytes);
  EXPECT_EQ(covey.err().find("nobody reads"), std::string::npos);
}

TEST_F(CliInputTest, MoreInputThanATaskMayHaveIsRefused) {
  Program covey(daemon_.address(), {"run", "--stdin", "--", "cat"},
                {.input = std::string((1 << 20) + 1, 'x')});
  EXPECT_EQ(covey.Wait(), 64);
  EXPECT_NE(covey.err().find("at most 1 MiB"), std::string::npos) << covey.err();
  EXPECT_TRUE(tasks_.empty());
}

TEST_F(CliInputTest, WhatIsPipedToNobodyIsToldOnce) {
  Program covey(daemon_.address(), {"run", "--", "cat"}, {.input = "a\n"});
  EXPECT_EQ(covey.Wait(), 0);
  const size_t told = covey.err().find("nobody reads standard input: --stdin");
  EXPECT_NE(told, std::string::npos) << covey.err();
  EXPECT_EQ(covey.err().find("nobody reads", told + 1), std::string::npos);
  Program silent(daemon_.address(), {"run", "--", "cat"});
  EXPECT_EQ(silent.Wait(), 0);
  EXPECT_EQ(silent.err().find("nobody reads"), std::string::npos);
}

TEST_F(CliInputTest, NoTasksAreAnErrorUnlessTheyMayBeNone) {
  Program covey(daemon_.address(), {"run", "--each", "--", "x"});
  EXPECT_EQ(covey.Wait(), 64);
  EXPECT_EQ(covey.err(),
            "covey: no tasks in the input (standard input); --allow-empty takes that for success\n");
  Program allowed(daemon_.address(), {"run", "--each", "--allow-empty", "--", "x"});
  EXPECT_EQ(allowed.Wait(), 0) << allowed.err();
}

TEST_F(CliInputTest, ADryRunAsksNobody) {
  const std::string nowhere = "unix:" + daemon_.folder() + "/nowhere";
  Program covey(nowhere, {"run", "--each", "--dry-run", "--", "gzip", "-k"},
                {.input = "a b\n$(rm -r x)\n-d\n"});
  EXPECT_EQ(covey.Wait(), 0) << covey.err();
  EXPECT_EQ(covey.out(), "gzip -k 'a b'\ngzip -k '$(rm -r x)'\ngzip -k -d\n");
  Program json(nowhere, {"run", "--each", "--dry-run", "--cwd", "/", "--output", "json", "--", "x"},
               {.input = "a\n"});
  EXPECT_EQ(json.Wait(), 0) << json.err();
  EXPECT_EQ(json.out(), "{\"process\":{\"argv\":[\"x\",\"a\"],\"workingDir\":\"/\"}}\n");
  Program again(nowhere, {"run", "--dry-run", "-f", "-"}, {.input = json.out()});
  EXPECT_EQ(again.Wait(), 0);
  EXPECT_EQ(again.out(), "x a\n");
}

TEST_F(CliInputTest, PlainCommandsAreGuessedAndTold) {
  Program covey(daemon_.address(), {"run", "-f", "-"}, {.input = "make all\n"});
  EXPECT_EQ(covey.Wait(), 0);
  EXPECT_NE(covey.err().find("covey: standard input: each line is a command for sh (--format lines)\n"),
            std::string::npos);
  Program asked(daemon_.address(), {"run", "-f", "-", "--format", "lines"}, {.input = "make all\n"});
  EXPECT_EQ(asked.Wait(), 0);
  EXPECT_EQ(asked.err().find("each line"), std::string::npos);
  Program json(daemon_.address(), {"run", "-f", "-", "--format", "json"}, {.input = "make all\n"});
  EXPECT_EQ(json.Wait(), 64);
}

// The producer goes on writing for ever: the group is over all the same.
TEST_F(CliInputTest, AGroupThatIsDecidedReadsNoFurther) {
  decided_ = true;
  Program covey(daemon_.address(), {"run", "--each", "--", "x"}, {.input = "a\n", .keep_input_open = true});
  EXPECT_EQ(covey.Wait(), 0) << covey.err();
  EXPECT_TRUE(options_.events());
}

TEST_F(CliInputTest, HaltOfParallelIsAPolicy) {
  const std::vector<std::tuple<std::string, v1::Policy, uint32_t>> words = {
      {"never", v1::POLICY_ALL_SETTLED, 0},
      {"now,fail=1", v1::POLICY_ALL, 0},
      {"now,fail=4", v1::POLICY_ALL, 3},
      {"now,success=1", v1::POLICY_ANY, 0},
  };
  for (const auto& [word, policy, failures] : words) {
    Program covey(daemon_.address(), {"run", "--halt", word, "--", "x"});
    EXPECT_EQ(covey.Wait(), 0) << covey.err();
    EXPECT_EQ(options_.spec().policy(), policy) << word;
    EXPECT_EQ(options_.spec().max_failures(), failures) << word;
  }
}

TEST_F(CliInputTest, UsageErrorsAreOneLineAndExit64) {
  const std::vector<std::vector<std::string>> bad = {
      {"run"},
      {"run", "ls"},
      {"run", "-f", "x", "--", "ls"},
      {"run", "--policy", "some", "--", "ls"},
      {"run", "--limit", "0", "--", "ls"},
      {"run", "--timeout", "10", "--", "ls"},
      {"run", "--timeout", "0s", "--", "ls"},
      {"run", "--grace", "25h", "--", "ls"},
      {"run", "--env", "X", "--", "ls"},
      {"run", "--cwd", "relative", "--", "ls"},
      {"run", "--raw", "--detach", "--", "ls"},
      {"run", "--name", "\xff", "--", "ls"},
      {"run", "--", "\xff"},
      {"run", "-f", "/nonexistent"},
      {"run", "--polcy", "all", "--", "ls"},
      {"run", "--each"},
      {"run", "--each", "-f", "-"},
      {"run", "-0", "--", "ls"},
      {"run", "--allow-empty", "--", "ls"},
      {"run", "--format", "json", "--", "ls"},
      {"run", "--format", "xml", "-f", "-"},
      {"run", "--each", "--format", "lines", "--", "ls"},
      {"run", "--stdin", "-f", "-"},
      {"run", "--stdin", "--each", "--", "ls"},
      {"run", "--halt", "soon,fail=1", "--", "ls"},
      {"run", "--halt", "now,fail=0", "--", "ls"},
      {"run", "--halt", "now,fail=10%", "--", "ls"},
      {"run", "--halt", "now,success=2", "--", "ls"},
      {"run", "--halt", "never", "--policy", "any", "--", "ls"},
      {"run", "-f", "-"},
  };
  for (const std::vector<std::string>& arguments : bad) {
    Program covey(daemon_.address(), arguments);
    EXPECT_EQ(covey.Wait(), 64) << arguments.back();
    EXPECT_EQ(covey.out(), "");
    const std::string err = covey.err();
    EXPECT_TRUE(err.starts_with("covey: ")) << err;
    EXPECT_EQ(err.find('\n'), err.size() - 1) << err;
  }
}

}  // namespace
}  // namespace covey::cli
