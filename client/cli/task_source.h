#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "covey/result.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// What the options for processes give to the process tasks that do not say it themselves.
struct ProcessDefaults {
  v1::ProcessSpec settings;  // as FillIn takes them
  std::map<std::string, std::string> env;
  std::optional<std::chrono::nanoseconds> grace;
  std::optional<std::chrono::nanoseconds> linger;
  std::string working_dir;

  void Apply(v1::TaskSpec* task) const;
};

// Where in their input some tasks stand: growing numbers, kept as runs of neighbours, so that a million of them
// take a few bytes.
class LineNumbers {
 public:
  void Add(uint64_t line);
  // The number of the task at `index`, which is less than size().
  uint64_t operator[](size_t index) const;
  size_t size() const { return size_; }

 private:
  std::vector<std::pair<size_t, uint64_t>> runs_;  // the index of the first of each, and its number
  size_t size_ = 0;
};

// Some tasks, in order.
struct TaskBatch {
  google::protobuf::RepeatedPtrField<v1::TaskSpec> tasks;
  LineNumbers lines;  // of each task, where they come from a file
  bool last = false;  // nothing follows
};

// Where the tasks of a group come from. NextBatch is called by one thread, Stop by any.
class TaskSource {
 public:
  TaskSource() = default;
  TaskSource(const TaskSource&) = delete;
  TaskSource& operator=(const TaskSource&) = delete;
  virtual ~TaskSource() = default;

  // Waits for tasks; not empty unless it is the last. Not called again after the last or an error.
  virtual Result<TaskBatch> NextBatch() = 0;
  // Makes NextBatch, also one that waits, return an empty last batch.
  virtual void Stop() = 0;
  // Makes batches of no more tasks than so many, from the next one on. For the thread of NextBatch.
  virtual void Bound(size_t most_tasks) = 0;
  // "tasks[2].process.argv" of a batch, as people know it: "tasks.jsonl:17: process.argv".
  virtual std::string FieldName(const TaskBatch& batch, std::string_view field) const = 0;
};

// Says the fields of an error about a batch, and what is told of them, as people know them.
void NameFields(const TaskSource& source, const TaskBatch& batch, Error* error);

}  // namespace covey::cli
