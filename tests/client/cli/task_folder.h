#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include "client/cli/input_tasks.h"

namespace covey::cli {

// A file of tasks in a folder of its own.
class TaskFolderTest : public testing::Test {
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
    return Read(TasksOfJson(), true, RecordReader::Ends::kLine, std::move(defaults));
  }
  // The file as it is.
  std::unique_ptr<TaskSource> Read(std::unique_ptr<TaskMaker> maker, bool allow_empty,
                                   RecordReader::Ends ends = RecordReader::Ends::kLine,
                                   ProcessDefaults defaults = {}) {
    auto records = std::make_unique<RecordReader>(std::move(StoppableInput::Open(path_).value()), ends);
    return MakeInputTasks(std::move(records), std::move(maker), std::move(defaults), allow_empty);
  }
  // The complaint about the first batch, without the folder.
  std::string Complaint(const std::string& content) { return ComplaintOf(*Open(content)); }
  std::string ComplaintOf(TaskSource& source) const {
    const auto batch = source.NextBatch();
    if (batch.ok()) return "none";
    std::string message = batch.error().message;
    if (const size_t folder = message.find(folder_); folder != std::string::npos)
      message.erase(folder, folder_.size() + 1);
    return message;
  }

  std::string folder_;
  std::string path_;
};

}  // namespace covey::cli
