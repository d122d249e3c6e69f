#include "client/cli/task_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <thread>

#include "covey/client/task.h"

namespace covey::cli {
namespace {

class TaskSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "covey-source-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/tasks";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<TaskSource> Open(const std::string& content, ProcessDefaults defaults = {}) {
    std::ofstream(path_) << content;
    return std::move(OpenTaskFile(path_, std::move(defaults)).value());
  }
  // The complaint about the first batch, without the folder.
  std::string Complaint(const std::string& content) {
    const auto batch = Open(content)->NextBatch();
    if (batch.ok()) return "none";
    const std::string& message = batch.error().message;
    return message.starts_with(folder_) ? message.substr(folder_.size() + 1) : message;
  }

  std::string folder_;
  std::string path_;
};

TEST_F(TaskSourceTest, LinesAreTasks) {
  const auto source = Open(
      "# comment\n\n{\"name\":\"a\",\"process\":{\"argv\":[\"true\"]}}\r\n  \n"
      "  {\"function\":{\"name\":\"covey.noop\"}}");
  const auto batch = source->NextBatch();
  ASSERT_TRUE(batch.ok());
  ASSERT_EQ(batch.value().tasks.size(), 2);
  EXPECT_EQ(batch.value().tasks[0].name(), "a");
  EXPECT_EQ(batch.value().tasks[1].function().name(), "covey.noop");
  EXPECT_EQ(batch.value().lines, (std::vector<uint64_t>{3, 5}));
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
            "tasks:2: process.argvv: there is no such field");
  EXPECT_EQ(Complaint("{\"proces\":{}}"), "tasks:1: proces: there is no such field");
  EXPECT_EQ(Complaint("{\"process\":{\"argv\":[\"a\",3]}}"),
            "tasks:1: process.argv[1]: invalid value 3 for type TYPE_STRING");
  EXPECT_EQ(Complaint("\n\nnonsense"), "tasks:3: Unexpected token.");
  EXPECT_EQ(Complaint("{}"), "tasks:1: one of \"process\" and \"function\" is required");
  EXPECT_EQ(Complaint("{\"process\":{}}"), "tasks:1: process.argv: the program is missing");
  EXPECT_EQ(Complaint("{\"name\":\"\xff\"}"), "tasks:1: the line is not UTF-8");
  EXPECT_NE(Complaint("{\"process\":{\"argv\":[\"a\"],\"grace\":\"5\"}}").find("tasks:1: process.grace"),
            std::string::npos);
  EXPECT_NE(Complaint("{\"process\":{\"argv\":[\"a\"]},\"function\":{\"name\":\"f\"}}").find("work"),
            std::string::npos);
}

TEST_F(TaskSourceTest, ALineThatNeverEndsIsRefused) {
  EXPECT_EQ(Complaint(std::string(17 << 20, ' ')), "tasks:1: the line is longer than 16 MiB");
}

TEST_F(TaskSourceTest, FilesThatCannotBeReadAreNamed) {
  EXPECT_NE(OpenTaskFile(folder_ + "/missing", {}).error().message.find("No such file"), std::string::npos);
  const auto folder = OpenTaskFile(folder_, {});
  ASSERT_TRUE(folder.ok());
  EXPECT_NE(folder.value()->NextBatch().error().message.find("Is a directory"), std::string::npos);
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
    EXPECT_LE(bytes, 700'000U);
    if (batch.value().last) break;
  }
  EXPECT_EQ(tasks, 2'520);
  EXPECT_GE(batches, 6);  // 3 of many tasks, the rest of long ones
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
  const auto source = std::move(OpenTaskFile(path_, {}).value());
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
  const auto source = std::move(OpenTaskFile(path_, {}).value());
  std::thread stopper([&] { source->Stop(); });
  const auto batch = source->NextBatch();
  stopper.join();
  ASSERT_TRUE(batch.ok());
  EXPECT_TRUE(batch.value().last);
  EXPECT_TRUE(batch.value().tasks.empty());
  close(writer);
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
