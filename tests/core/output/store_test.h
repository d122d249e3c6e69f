#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/output/file_output_store.h"
#include "tests/core/output/temp_dir.h"

namespace covey {

inline constexpr std::chrono::seconds kPatience{30};

inline std::unique_ptr<FileOutputStore> OpenStore(const std::string& directory,
                                                  OutputLog::Bounds bounds = {}) {
  auto opened = FileOutputStore::Open({.directory = directory, .bounds = bounds, .max_open_files = 8});
  EXPECT_TRUE(opened.ok());
  return std::move(opened.value());
}

// A store in a directory of its own.
class StoreTest : public ::testing::Test {
 protected:
  static OutputKey Key(const std::string& group, uint32_t task, OutputStream stream = OutputStream::kStdout) {
    return {.group = group, .task = task, .attempt = 1, .stream = stream};
  }
  // To be read when they return.
  void Write(const OutputKey& key, std::string_view bytes) {
    store_->Write(key, bytes);
    store_->Flush();
  }
  OutputSizes Finish(const std::string& group, uint32_t task) {
    std::optional<OutputSizes> told;
    store_->Finish(group, task, 1, [&](const OutputSizes& sizes) {
      EXPECT_FALSE(told);
      told = sizes;
    });
    store_->Flush();
    EXPECT_TRUE(told);
    return told.value_or(OutputSizes());
  }

  TempDir dir_;
  std::unique_ptr<FileOutputStore> store_ = OpenStore(dir_.path() + "/output");
};

}  // namespace covey
