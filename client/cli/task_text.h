#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/table.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// "name      value", a line of what is told about one thing.
std::string Line(std::string_view name, const std::string& value);

// A table of tasks, and its rows.
Table TaskTable();
std::vector<std::string> TaskRow(const v1::Task& task);

// All about one task; several lines.
std::string TaskText(const v1::Task& task);

}  // namespace covey::cli
