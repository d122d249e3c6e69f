#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/command_line.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// Bytes: a whole number, with K, M, G or T for powers of 1024.
Result<uint64_t> ParseSize(const std::string& option, const std::string& text);

// The options that say what processes may use, who they run as and where their output goes.
std::vector<Option> ProcessOptions();

// What these options say, as the fields of a process.
Result<Void> ReadProcessOptions(const Arguments& arguments, v1::ProcessSpec* process);

// Gives `process` what `defaults` says of these fields and it does not say itself.
void FillIn(const v1::ProcessSpec& defaults, v1::ProcessSpec* process);

}  // namespace covey::cli
