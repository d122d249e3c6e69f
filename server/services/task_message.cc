#include "server/services/task_message.h"

#include <optional>
#include <utility>

#include "server/edge/completion.h"

namespace covey {
namespace {

struct Sizes {
  uint64_t standard_output = 0;
  uint64_t standard_error = 0;
};

void Set(const Sizes& sizes, v1::Task* message) {
  message->set_stdout_bytes(sizes.standard_output);
  message->set_stderr_bytes(sizes.standard_error);
}

OutputKey OfStderr(OutputKey key) {
  key.stream = OutputStream::kStderr;
  return key;
}

}  // namespace

void TaskMessages::Fill(const TaskView& task, v1::Task* message) {
  *message = ToProto(task, view_);
  AddSizes(task, message);
}

void TaskMessages::AddSizes(const TaskView& task, v1::Task* message) {
  if (task.state.attempt == 0 || task.output != nullptr) return;
  OutputKey key{.group = task.group, .task = task.index, .attempt = task.state.attempt};
  OutputStore& output = context_.engine->output();
  const std::optional<uint64_t> out = output.SizeOfRunning(key);
  if (out) return Set({*out, output.SizeOfRunning(OfStderr(key)).value_or(0)}, message);
  unsized_.push_back({std::move(key), message});
}

Handled TaskMessages::Complete() {
  if (unsized_.empty()) co_return Void{};
  std::vector<OutputKey> keys;
  for (const Unsized& each : unsized_) keys.push_back(each.key);
  edge::Completion<std::vector<Sizes>> asked;
  context_.readers->Run(
      [&store = context_.engine->output(), wanted = std::move(keys), completer = asked.completer()] {
        std::vector<Sizes> all;
        for (const OutputKey& key : wanted) all.push_back({store.Size(key), store.Size(OfStderr(key))});
        completer(std::move(all));
      },
      /*at_once=*/1);
  const Result<std::vector<Sizes>> sizes = co_await asked;
  if (!sizes.ok()) co_return sizes.error();
  for (size_t i = 0; i < unsized_.size(); ++i) Set(sizes.value()[i], unsized_[i].message);
  unsized_.clear();
  co_return Void{};
}

}  // namespace covey
