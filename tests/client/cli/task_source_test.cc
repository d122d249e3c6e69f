#include "client/cli/task_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "client/cli/input_tasks.h"
#include "covey/client/task.h"
#include "tests/client/cli/task_folder.h"

namespace covey::cli {
namespace {

class TaskSourceTest : public TaskFolderTest {};

TEST_F(TaskSourceTest, LinesAreTasks) {
  const auto source = Open(
      "# comment\n\n{\"name\":\"a\",\"process\":{\"argv\":[\"true\"]}}\r\n  \n"
      "  {\"function\":{\"name\":\"covey.noop\"}}");
  const auto batch = source->NextBatch();
  ASSERT_TRUE(batch.ok());
  ASSERT_EQ(batch.value().tasks.size(), 2);
  EXPECT_EQ(batch.value().tasks[0].name(), "a");
  EXPECT_EQ(batch.value().tasks[1].function().name(), "covey.noop");
  ASSERT_EQ(batch.value().lines.size(), 2U);
  EXPECT_EQ(batch.value().lines[0], 3U);
  EXPECT_EQ(batch.value().lines[1], 5U);
  EXPECT_TRUE(batch.value().last);
}

TEST_F(TaskSourceTest, AnEmptyFileHasNoTasks) {
  const auto batch = Open("")->NextBatch();
  ASSERT_TRUE(batch.ok());
  EXPECT_TRUE(batch.value().tasks.empty());
  EXPECT_TRUE(batch.value().last);
}

TEST_F(TaskSourceTest, BadLinesAreNamedWithTheirField) {
  const std::string good = "{\"process\":{\"argv\":[\"true\"]}}\n";
  EXPECT_EQ(Complaint(good + "{\"process\":{\"argvv\":[]}}"),
            "tasks:2: process.argvv: there is no such field; did you mean argv?");
  EXPECT_EQ(Complaint("\n\nnonsense"),
            "tasks:3: a task is one line such as {\"process\":{\"argv\":[\"make\",\"all\"]}}, got nonsense");
  EXPECT_EQ(Complaint("[{}]"),
            "tasks:1: a task is one line such as {\"process\":{\"argv\":[\"make\",\"all\"]}}, got a list");
  EXPECT_TRUE(Complaint("{}").starts_with("tasks:1: one of \"process\" and \"function\" is required"));
  EXPECT_TRUE(Complaint("{\"process\":{}}").starts_with("tasks:1: process.argv: the program is missing"));
  EXPECT_EQ(Complaint("{\"name\":\"\xff\"}"), "tasks:1: the line must be UTF-8, got {\"name\":\"\\xff\"}");
}

TEST_F(TaskSourceTest, ALineThatNeverEndsIsRefused) {
  EXPECT_EQ(Complaint(std::string(17 << 20, ' ')), "tasks:1: the line is longer than 16 MiB");
}

TEST_F(TaskSourceTest, FilesThatCannotBeReadAreNamed) {
  EXPECT_NE(StoppableInput::Open(folder_ + "/missing").error().message.find("No such file"),
            std::string::npos);
  path_ = folder_;
  EXPECT_NE(ComplaintOf(*Read(TasksOfJson(), true)).find("Is a directory"), std::string::npos);
}

TEST_F(TaskSourceTest, DefaultsFillWhatTasksLeaveOpen) {
  const ProcessDefaults defaults{
      .env = {{"A", "default"}, {"B", "default"}}, .grace = std::chrono::seconds(3), .working_dir = "/tmp"};
  const auto source = Open(
      "{\"process\":{\"argv\":[\"x\"],\"env\":{\"A\":\"own\"},\"grace\":\"0s\",\"workingDir\":\"/\"}}\n"
      "{\"process\":{\"argv\":[\"x\"]}}\n"
      "{\"function\":{\"name\":\"f\"}}\n",
      defaults);
  const auto batch = source->NextBatch();
  ASSERT_TRUE(batch.ok());
  const v1::ProcessSpec& own = batch.value().tasks[0].process();
  EXPECT_EQ(own.env().at("A"), "own");
  EXPECT_EQ(own.env().at("B"), "default");
  EXPECT_EQ(own.grace().seconds(), 0);
  EXPECT_EQ(own.working_dir(), "/");
  const v1::ProcessSpec& filled = batch.value().tasks[1].process();
  EXPECT_EQ(filled.env().size(), 2U);
  EXPECT_EQ(filled.grace().seconds(), 3);
  EXPECT_EQ(filled.working_dir(), "/tmp");
  EXPECT_FALSE(batch.value().tasks[2].has_process());
}

TEST_F(TaskSourceTest, BatchesAreBoundedInNumberAndSize) {
  std::string content;
  for (int i = 0; i < 2'500; ++i)
    content += "{\"name\":\"" + std::to_string(i) + "\",\"function\":{\"name\":\"f\"}}\n";
  const std::string long_task = "{\"process\":{\"argv\":[\"x\",\"" + std::string(100'000, 'y') + "\"]}}\n";
  for (int i = 0; i < 20; ++i) content += long_task;
  const auto source = Open(content);
  int tasks = 0;
  int batches = 0;
  while (true) {
    const auto batch = source->NextBatch();
    ASSERT_TRUE(batch.ok());
    ++batches;
    EXPECT_LE(batch.value().tasks.size(), 1'000);
    size_t bytes = 0;
    for (const v1::TaskSpec& task : batch.value().tasks) {
      EXPECT_TRUE(task.name().empty() || task.name() == std::to_string(tasks)) << task.name();
      bytes += task.ByteSizeLong();
      ++tasks;
    }
    EXPECT_LE(bytes, 512U << 10);
    if (batch.value().last) break;
  }
  EXPECT_EQ(tasks, 2'520);
  EXPECT_GE(batches, 6);  // 3 of many tasks, the rest of long ones
}

TEST_F(TaskSourceTest, BatchesAreNoLargerThanTold) {
  std::string content;
  for (int i = 0; i < 7; ++i) content += "{\"function\":{\"name\":\"f\"}}\n";
  const auto source = Open(content);
  source->Bound(3);
  std::vector<int> sizes;
  for (bool last = false; !last;) {
    const auto batch = source->NextBatch();
    ASSERT_TRUE(batch.ok());
    last = batch.value().last;
    sizes.push_back(batch.value().tasks.size());
  }
  EXPECT_EQ(sizes, (std::vector<int>{3, 3, 1}));
}

// One that is larger than a batch comes alone, and each keeps its line.
TEST_F(TaskSourceTest, ATaskThatDoesNotFitWaitsForTheNextBatch) {
  const std::string small = "{\"name\":\"s\",\"function\":{\"name\":\"f\"}}\n";
  const std::string large = "{\"name\":\"l\",\"function\":{\"name\":\"f\",\"payload\":{\"text\":\"" +
                            std::string(600 << 10, 'x') + "\"}}}\n";
  const auto source = Open(small + large + small);
  uint64_t line = 0;
  for (const std::string_view name : {"s", "l", "s"}) {
    const auto batch = source->NextBatch();
    ASSERT_TRUE(batch.ok());
    ASSERT_EQ(batch.value().tasks.size(), 1);
    EXPECT_EQ(batch.value().tasks[0].name(), name);
    EXPECT_EQ(batch.value().lines[0], ++line);
    EXPECT_EQ(batch.value().last, line == 3);
  }
}

TEST_F(TaskSourceTest, FieldsAreNamedByTheirLine) {
  const auto source = Open("# c\n{\"function\":{\"name\":\"f\"}}\n{\"function\":{\"name\":\"g\"}}\n");
  const auto batch = source->NextBatch();
  EXPECT_EQ(source->FieldName(batch.value(), "tasks[1].function.name"), path_ + ":3: function.name");
  EXPECT_EQ(source->FieldName(batch.value(), "tasks[0]"), path_ + ":2");
  EXPECT_EQ(source->FieldName(batch.value(), "tasks[9].name"), "tasks[9].name");
  EXPECT_EQ(source->FieldName(batch.value(), "spec.pool"), "spec.pool");
  EXPECT_EQ(source->FieldName(batch.value(), "tasks[x]"), "tasks[x]");
}

TEST_F(TaskSourceTest, WhatAPipeHasAtHandIsABatch) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const int writer = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(writer, 0);
  const auto source = Read(TasksOfJson(), true);
  const std::string lines = "{\"function\":{\"name\":\"f\"}}\n{\"function\":{\"na";
  ASSERT_EQ(write(writer, lines.data(), lines.size()), static_cast<ssize_t>(lines.size()));
  const auto first = source->NextBatch();
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first.value().tasks.size(), 1);
  EXPECT_FALSE(first.value().last);
  const std::string rest = "me\":\"g\"}}\n";
  ASSERT_EQ(write(writer, rest.data(), rest.size()), static_cast<ssize_t>(rest.size()));
  EXPECT_EQ(source->NextBatch().value().tasks[0].function().name(), "g");
  close(writer);
}

TEST_F(TaskSourceTest, StopEndsAWaitForInput) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const int writer = open(path_.c_str(), O_RDWR | O_CLOEXEC);
  const auto source = Read(TasksOfJson(), true);
  std::thread stopper([&] { source->Stop(); });
  const auto batch = source->NextBatch();
  stopper.join();
  ASSERT_TRUE(batch.ok());
  EXPECT_TRUE(batch.value().last);
  EXPECT_TRUE(batch.value().tasks.empty());
  close(writer);
}

TEST_F(TaskSourceTest, ErrorsAreAboutLines) {
  const auto source = Open("# c\n{\"function\":{\"name\":\"f\"}}\n{\"function\":{\"name\":\"g\"}}\n");
  const auto batch = source->NextBatch();
  Error error{.fields = {{"tasks[1].name", "name must be unique in the group, got \"a\" as in tasks[0]"}}};
  NameFields(*source, batch.value(), &error);
  EXPECT_EQ(error.fields[0].field, path_ + ":3: name");
  EXPECT_EQ(error.fields[0].description, "name must be unique in the group, got \"a\" as in " + path_ + ":2");
}

TEST(SingleTaskTest, IsOneBatch) {
  const auto source = MakeSingleTask(client::Process({"true"}));
  const auto batch = source->NextBatch();
  EXPECT_TRUE(batch.value().last);
  EXPECT_EQ(batch.value().tasks.size(), 1);
  EXPECT_EQ(source->FieldName(batch.value(), "tasks[0].process.argv"), "process.argv");
  EXPECT_EQ(source->FieldName(batch.value(), "spec.limit"), "spec.limit");
}

}  // namespace
}  // namespace covey::cli
