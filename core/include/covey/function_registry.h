#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "covey/context.h"
#include "covey/output_stream.h"
#include "covey/payload.h"

namespace covey {

// What a function is called with. Valid until it returns; to be used by one thread at a time.
class FunctionCall {
 public:
  FunctionCall(const std::string& group_id, const std::string& task_name, uint32_t attempt_number,
               const Payload& argument, std::function<void(OutputStream, std::string_view)> write)
      : group(group_id),
        task(task_name),
        attempt(attempt_number),
        payload(argument),
        write_(std::move(write)) {}

  const std::string& group;  // id
  const std::string& task;   // name
  const uint32_t attempt;    // 1, 2, …
  const Payload& payload;

  // Output of the task, as if written by a process.
  void Write(std::string_view bytes, OutputStream stream = OutputStream::kStdout) { write_(stream, bytes); }
  // The answer that is kept with the task, at most kMaxResult bytes. The last one counts.
  void SetResult(Payload result) { result_ = std::make_shared<const Payload>(std::move(result)); }
  static constexpr size_t kMaxResult = 1 << 20;

  const std::shared_ptr<const Payload>& result() const { return result_; }

 private:
  const std::function<void(OutputStream, std::string_view)> write_;
  std::shared_ptr<const Payload> result_;
};

// Work in the daemon: runs on a thread of its executor, ends soon after its context is done.
using Function = std::function<Status(const Context&, FunctionCall&)>;

// Functions by name. Filled before it is shared, constant afterwards.
class FunctionRegistry {
 public:
  // Replaces a function of that name.
  void Register(std::string name, Function function) {
    functions_.insert_or_assign(std::move(name), std::move(function));
  }

  // Null when there is none.
  const Function* Find(std::string_view name) const {
    const auto found = functions_.find(name);
    return found == functions_.end() ? nullptr : &found->second;
  }

  // In alphabetical order.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, function] : functions_) names.push_back(name);
    return names;
  }

 private:
  std::map<std::string, Function, std::less<>> functions_;
};

}  // namespace covey
