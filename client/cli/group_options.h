#pragma once

#include <vector>

#include "client/cli/command_line.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// The options that say what a group is, for the commands that make one.
std::vector<Option> GroupOptions();

// What they say, checked.
Result<Void> ReadGroupOptions(const Arguments& arguments, v1::GroupSpec* spec);

}  // namespace covey::cli
