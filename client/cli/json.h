#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

#include "covey/result.h"

namespace covey::cli {

// `message` in Protobuf's standard JSON mapping (lowerCamelCase names, unset fields left out), on one line
// without its end.
std::string ToJson(const google::protobuf::Message& message);

// {"error":{"code":"NOT_FOUND","reason":"GROUP_NOT_FOUND","message":"…","fields":[…]},"exitCode":1} on one
// line without its end.
std::string ToJson(const Error& error, int exit_code);

// Reads an object of Protobuf's JSON mapping into `message`, which is empty; durations are as people write them, "1m30s"
// or "250ms". The error names the field, what would be right and what was found, or the column. Knows what
// messages to the daemon are made of; enums, fractions and times are not.
Result<Void> FromJson(std::string_view json, google::protobuf::Message* message);

}  // namespace covey::cli
