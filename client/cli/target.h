#pragma once

#include <string>
#include <string_view>

#include "client/cli/command_line.h"
#include "covey/result.h"

namespace covey::cli {

// GROUP or GROUP/TASK. Ids of groups have no '/', names of tasks may.
struct Target {
  std::string group;
  std::string task;  // empty: the whole group
};

inline Result<Target> ParseTarget(std::string_view text) {
  const size_t slash = text.find('/');
  Target target{.group = std::string(text.substr(0, slash)), .task = {}};
  if (target.group.empty())
    return UsageError("GROUP or GROUP/TASK was expected, got \"" + std::string(text) + "\"");
  if (slash == std::string_view::npos) return target;
  target.task = text.substr(slash + 1);
  if (target.task.empty()) return UsageError("the name of a task was expected behind '/'");
  return target;
}

}  // namespace covey::cli
