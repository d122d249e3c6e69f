#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "covey/v1/group_service.pb.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// Words of the contract as people read them. All of it is printable text of one line, except where said.

std::string_view StateText(v1::GroupState state);  // "running", "failed", …
std::string_view StateText(v1::TaskState state);   // "queued", "succeeded", …
std::string_view PolicyText(v1::Policy policy);    // "all", "settled", "any", as --policy takes them
std::string EventText(v1::EventKind kind);         // "task-exited", …

// "2024-05-06T07:08:09.123Z"; "-" for no time.
std::string TimeText(const google::protobuf::Timestamp& time);

// "exit 7", "signal 9 (KILL)", "timeout", …, with the message behind a colon unless it says the same.
std::string FailureText(const v1::Failure& failure);
// The same behind the task to blame: "task resize: exit 7".
std::string BlameText(const v1::Failure& failure);

// Why a task did not succeed: its own failure, or for one that was stopped with its group what ended that, with the task
// to blame; "never started" before what never was. Empty when there is nothing to say.
std::string TaskFailureText(const v1::Task& task);

// "3 tasks (1 succeeded, 1 failed, 1 stopped)".
std::string CountsText(const v1::TaskCounts& counts);

// From the creation of a group to its end, or to `now` while it is not over.
std::chrono::nanoseconds Lifetime(const v1::Group& group, std::chrono::system_clock::time_point now);

// How a group ended: "failed: 3 tasks (2 succeeded, 1 failed) in 1.2s; first failure: task 2: exit 7".
std::string ResultText(const v1::GroupResult& result);

// The program with its arguments, quoted as a shell would need it, or the name of the function.
std::string WorkText(const v1::TaskSpec& spec);

// "a=1,b=2" in the order of keys; "-" for none.
std::string LabelsText(const google::protobuf::Map<std::string, std::string>& labels);

// The lines of `text`, made printable, each behind `indent`; several lines.
std::string Indented(std::string_view indent, std::string_view text);

}  // namespace covey::cli
