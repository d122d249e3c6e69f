#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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

// Some tasks, in order.
struct TaskBatch {
  google::protobuf::RepeatedPtrField<v1::TaskSpec> tasks;
  std::vector<uint64_t> lines;  // of each task, where they come from a file
  bool last = false;            // nothing follows
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
  // "tasks[2].process.argv" of a batch, as people know it: "tasks.jsonl:17: process.argv".
  virtual std::string FieldName(const TaskBatch& batch, std::string_view field) const = 0;
};

// One task.
std::unique_ptr<TaskSource> MakeSingleTask(v1::TaskSpec task);

// Tasks read from a file or, for "-", standard input: one a line in Protobuf JSON; empty lines and lines that
// begin with '#' are skipped. A line that is no task is an error that names the line and the field. Never
// holds more than a batch: at most 1000 tasks and about 1 MiB; what a pipe has at hand makes a batch of its
// own.
Result<std::unique_ptr<TaskSource>> OpenTaskFile(const std::string& path, ProcessDefaults defaults);

}  // namespace covey::cli
