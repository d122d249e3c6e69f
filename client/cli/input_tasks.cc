#include "client/cli/input_tasks.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "client/cli/command_line.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr size_t kMaxTasks = 1'000;
constexpr size_t kMaxBytes = 512 << 10;  // but for a task that has more by itself

class SingleTask final : public TaskSource {
 public:
  SingleTask(v1::TaskSpec task, std::unique_ptr<StoppableInput> input) : input_(std::move(input)) {
    *batch_.tasks.Add() = std::move(task);
  }

  Result<TaskBatch> NextBatch() override {
    if (const Result<Void> read = ReadInput(); !read.ok()) return read.error();
    TaskBatch batch;
    batch.last = true;
    if (!stopped_) batch.tasks.Swap(&batch_.tasks);
    return batch;
  }
  void Stop() override {
    stopped_ = true;
    if (input_ != nullptr) input_->Stop();
  }
  void Bound(size_t) override {}  // it is one already
  std::string FieldName(const TaskBatch&, std::string_view field) const override {
    constexpr std::string_view kOnly = "tasks[0].";
    if (field.starts_with(kOnly)) field.remove_prefix(kOnly.size());
    return Printable(field);
  }

 private:
  // Until the end, or until it is stopped.
  Result<Void> ReadInput() {
    constexpr size_t kMostInput = 1 << 20;  // of the contract
    std::array<char, 64 << 10> buffer{};
    if (input_ == nullptr) return Void{};
    std::string& bytes = *batch_.tasks[0].mutable_process()->mutable_standard_input();
    while (input_->Await(true) != StoppableInput::State::kStopped) {
      const Result<ssize_t> got = input_->Read(buffer.data(), buffer.size());
      if (!got.ok()) return got.error();
      if (got.value() == 0) break;
      if (got.value() > 0) bytes.append(buffer.data(), static_cast<size_t>(got.value()));
      if (bytes.size() > kMostInput) {
        return UsageError("--stdin passes on at most 1 MiB, " + input_->name() +
                          " has more; let the task read a file instead");
      }
    }
    return Void{};
  }

  TaskBatch batch_;
  const std::unique_ptr<StoppableInput> input_;
  std::atomic<bool> stopped_ = false;
};

class InputTasks final : public TaskSource {
 public:
  InputTasks(std::unique_ptr<RecordReader> records, std::unique_ptr<TaskMaker> maker,
             ProcessDefaults defaults, bool allow_empty)
      : records_(std::move(records)),
        maker_(std::move(maker)),
        defaults_(std::move(defaults)),
        allow_empty_(allow_empty) {}

  Result<TaskBatch> NextBatch() override;
  void Stop() override { records_->Stop(); }
  void Bound(size_t most_tasks) override { most_tasks_ = std::clamp<size_t>(most_tasks, 1, kMaxTasks); }
  std::string FieldName(const TaskBatch& batch, std::string_view field) const override;

 private:
  const std::unique_ptr<RecordReader> records_;
  const std::unique_ptr<TaskMaker> maker_;
  const ProcessDefaults defaults_;
  const bool allow_empty_;
  size_t most_tasks_ = kMaxTasks;
  bool any_ = false;                  // there was a task
  std::optional<v1::TaskSpec> held_;  // the last one read: it did not fit into its batch
};

Result<TaskBatch> InputTasks::NextBatch() {
  TaskBatch batch;
  size_t bytes = 0;
  const auto add = [this, &batch, &bytes](v1::TaskSpec task) {
    bytes += task.ByteSizeLong();
    *batch.tasks.Add() = std::move(task);
    batch.lines.Add(records_->number());
  };
  if (held_) add(*std::exchange(held_, std::nullopt));
  while (static_cast<size_t>(batch.tasks.size()) < most_tasks_ && bytes < kMaxBytes) {
    std::string_view record;
    const Result<RecordReader::State> state = records_->Next(batch.tasks.empty(), &record);
    if (!state.ok()) return state.error();
    if (state.value() == RecordReader::State::kNone) break;
    if (state.value() == RecordReader::State::kStopped)
      return TaskBatch{.tasks = {}, .lines = {}, .last = true};
    if (state.value() == RecordReader::State::kEnd) {
      batch.last = true;
      break;
    }
    Result<std::optional<v1::TaskSpec>> made = maker_->Make(record);
    if (!made.ok()) return records_->At(records_->number(), made.error().message);
    if (!made.value()) continue;
    v1::TaskSpec task = *std::move(made.value());
    defaults_.Apply(&task);
    if (!batch.tasks.empty() && bytes + task.ByteSizeLong() > kMaxBytes) {
      held_ = std::move(task);
      break;
    }
    add(std::move(task));
  }
  any_ = any_ || !batch.tasks.empty();
  if (batch.last && !any_ && !allow_empty_) {
    return UsageError("no tasks in the input (" + records_->name() +
                      "); --allow-empty takes that for success");
  }
  return batch;
}

std::string InputTasks::FieldName(const TaskBatch& batch, std::string_view field) const {
  constexpr std::string_view kTasks = "tasks[";
  const size_t close = field.find(']');
  size_t index = 0;
  if (!field.starts_with(kTasks) || close == std::string_view::npos ||
      std::from_chars(field.data() + kTasks.size(), field.data() + close, index).ec != std::errc() ||
      index >= batch.lines.size()) {
    return Printable(field);
  }
  std::string_view rest = field.substr(close + 1);
  if (rest.starts_with('.')) rest.remove_prefix(1);
  return records_->name() + ":" + std::to_string(batch.lines[index]) +
         (rest.empty() ? "" : ": " + Printable(rest));
}

}  // namespace

std::unique_ptr<TaskSource> MakeSingleTask(v1::TaskSpec task, std::unique_ptr<StoppableInput> input) {
  return std::make_unique<SingleTask>(std::move(task), std::move(input));
}

std::unique_ptr<TaskSource> MakeInputTasks(std::unique_ptr<RecordReader> records,
                                           std::unique_ptr<TaskMaker> maker, ProcessDefaults defaults,
                                           bool allow_empty) {
  return std::make_unique<InputTasks>(std::move(records), std::move(maker), std::move(defaults), allow_empty);
}

}  // namespace covey::cli
