#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "covey/v1/types.pb.h"

namespace covey::client {

// A task that runs a program: Process({"sha256sum", file}).
v1::TaskSpec Process(std::vector<std::string> argv);

// A task that runs a function registered in the daemon, with a text as its argument:
// Function("covey.echo", "hello").
v1::TaskSpec Function(std::string_view name, std::string_view text = {});

// The same with bytes of a media type as its argument.
v1::TaskSpec FunctionWithData(std::string_view name, std::string_view data, std::string_view content_type);

// Gives a task its name: Named("resize", Process({…})).
v1::TaskSpec Named(std::string_view name, v1::TaskSpec task);

// Durations and times of the contract from and to std::chrono. A Duration outside of the range of nanoseconds
// (292 years) is cut to it.
google::protobuf::Duration ToProto(std::chrono::nanoseconds duration);
std::chrono::nanoseconds FromProto(const google::protobuf::Duration& duration);
std::chrono::sys_time<std::chrono::nanoseconds> FromProto(const google::protobuf::Timestamp& time);

}  // namespace covey::client
