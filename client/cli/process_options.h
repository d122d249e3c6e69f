#pragma once

#include <vector>

#include "client/cli/command_line.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// The options that say what processes may use, who they run as and where their output goes.
std::vector<Option> ProcessOptions();

// What these options say, as the fields of a process.
Result<Void> ReadProcessOptions(const Arguments& arguments, v1::ProcessSpec* process);

// Gives `process` what `defaults` says of these fields and it does not say itself.
void FillIn(const v1::ProcessSpec& defaults, v1::ProcessSpec* process);

}  // namespace covey::cli
