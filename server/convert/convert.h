#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/engine/pool_table.h"
#include "core/engine/view.h"
#include "core/journal/journal.h"
#include "core/output/output_store.h"
#include "core/state/group_state.h"
#include "covey/status.h"
#include "covey/v1/admin_service.pb.h"
#include "covey/v1/event_service.pb.h"
#include "covey/v1/group_service.pb.h"
#include "covey/v1/pool_service.pb.h"
#include "covey/v1/types.pb.h"

// Conversions between the plain values of core and the messages of covey.v1. Pure functions.
//
// ToCore requires a message that Check (server/check) found nothing wrong with; ToProto takes every value.
// Environment values and standard input go in and never come out.
namespace covey {

// Times outside the range of the target are clamped to its ends. WallTime is in microseconds: what is finer
// is cut off.
google::protobuf::Timestamp ToProto(WallTime time);
google::protobuf::Duration ToProto(std::chrono::nanoseconds duration);
WallTime ToCore(const google::protobuf::Timestamp& time);
std::chrono::nanoseconds ToCore(const google::protobuf::Duration& duration);

// A signal by number ("15") or name ("SIGTERM", "TERM"); nullopt for anything else.
std::optional<int> ParseSignal(std::string_view text);
// "SIGTERM"; the number for a signal without a name.
std::string SignalName(int signal);

// Permissions in octal digits, "0".."0777", at most four of them; nullopt for anything else.
std::optional<mode_t> ParseMode(std::string_view text);
// With a leading 0: "022", "0".
std::string ModeText(mode_t mode);
inline constexpr mode_t kDefaultFileMode = 0644;

Payload ToCore(const v1::Payload& payload);
v1::Payload ToProto(const Payload& payload);

// How much is told: v1::View, its default resolved. kBasic: without payloads, results and annotations.
enum class View : uint8_t { kBasic, kFull };
View ToCore(v1::View view, View otherwise);

// `env` comes out sorted by key and holds what the message holds: the daemon's own variables are not added
// here.
TaskSpec ToCore(const v1::TaskSpec& spec);
v1::TaskSpec ToProto(const TaskSpec& spec, View view = View::kFull);

// What it runs, in one line of at most 128 characters: the program with its arguments as a shell would take
// them, or the name of the function.
std::string CommandText(const TaskSpec& spec);

// `attached` and `deadline` are the caller's to set.
GroupSpec ToCore(const v1::GroupSpec& spec, std::string id);
v1::GroupSpec ToProto(const GroupSpec& spec, View view = View::kFull);

v1::Failure ToProto(const Failure& failure);
v1::FailureKind ToProto(FailureKind kind);
v1::EventKind ToProto(state::EventKind kind);
state::EventKind ToCore(v1::EventKind kind);
v1::OutputStream ToProto(OutputStream stream);
OutputStream ToCore(v1::OutputStream stream);  // unspecified: stdout
v1::GroupState ToProto(GroupPhase phase);
GroupPhase ToCore(v1::GroupState state);  // a state that is not a phase: kRunning

v1::Group ToProto(const GroupSummary& group, View view = View::kFull);
// Its id and what is wrong with it: no state.
v1::Group ToProto(const DamagedGroup& group);
v1::GroupResult ToProto(const GroupEnd& end);
v1::TaskState TaskStateOf(const TaskView& task);
// Without the sizes of its output.
v1::Task ToProto(const TaskView& task, View view = View::kFull);

// Fills an empty message.
void ToProto(std::string_view group, const Record& record, v1::Event* out);
// The bytes move into the message.
v1::OutputChunk ToProto(const OutputKey& key, std::string task_name, OutputPiece piece);

v1::Pool ToProto(const PoolView& pool);
v1::ExplainResponse ToProto(const Explanation& explanation);

GroupFilter ToCore(const v1::ListGroupsRequest& request);

// Of the content of a request, for RequestMark: the same for the same fields and values in every run of the
// daemon, whatever the order of a map.
uint64_t Fingerprint(const google::protobuf::Message& request);

}  // namespace covey
