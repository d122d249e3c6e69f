#include "core/spec/beginning.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace covey {

TaskWork BeginningOf(const TaskWork& work) {
  constexpr size_t kLongest = 512;
  if (const auto* function = std::get_if<FunctionSpec>(&work))
    return FunctionSpec{.name = function->name, .payload = {}};
  if (const auto* opaque = std::get_if<OpaqueSpec>(&work))
    return OpaqueSpec{.kind = opaque->kind, .message = {}};
  ProcessSpec process;
  size_t room = kLongest;
  for (const std::string& word : std::get<std::shared_ptr<const ProcessSpec>>(work)->argv) {
    process.argv.push_back(word.substr(0, room));
    room -= std::min(room, word.size() + 1);
    if (room == 0) break;
  }
  return std::make_shared<const ProcessSpec>(std::move(process));
}

}  // namespace covey
