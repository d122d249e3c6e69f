#pragma once

#include <cstdint>
#include <string_view>

// One row for each RPC of covey.v1: what the daemon and its clients must know of a call beyond its messages.
// Plain data, without gRPC and Protobuf; a test holds it against the descriptors of the contract.
namespace covey::methods {

// How many messages go each way.
enum class Shape : uint8_t {
  kUnary,         // one request, one answer
  kServerStream,  // one request, answers
  kClientStream,  // requests, one answer
  kBidi,          // both ways
};

// The least role that may make the call. Each role may also do what those before it may.
enum class Role : uint8_t {
  kViewer,     // sees groups, tasks, pools and the daemon, but no output
  kSubmitter,  // makes, fills, seals, cancels and deletes groups; reads output
  kOperator,   // changes pools, drains
  kAdmin,      // everything
};

// What the call is about, and so where it is answered.
enum class Subject : uint8_t {
  kNone,          // the daemon as a whole
  kGroup,         // a group that exists
  kGroupIfNamed,  // a group that exists, or all of them when the field is empty
  kNewGroup,      // a group to be made; when the field is empty the daemon chooses its id
  kPool,          // a pool
};

// The routing key. `field` is the path of a string in the request, as in "options.group_id": of a stream, in
// its first message. Empty for kNone.
struct Key {
  Subject subject = Subject::kNone;
  std::string_view field;
};

// How the call may be made again when the first one may have been carried out.
enum class Repeat : uint8_t {
  kSafe,           // as if it had been made once; a stream goes on behind its last message
  kWithRequestId,  // the same, when both carry the same `request_id`
  kNever,          // it would be another call
};

// What the answers carry of what may be large (payloads, results, output, annotations) when the request does
// not say.
enum class View : uint8_t {
  kNone,   // they have no place for any
  kBasic,  // nothing
  kFull,   // everything
};

// One RPC. The name is as on the wire: "/covey.v1.GroupService/SubmitTasks".
struct Method {
  std::string_view name;
  Shape shape;
  Role role;
  Key key;
  Repeat repeat;
  View view;
};

namespace internal {

inline constexpr Key kNoKey{};
inline constexpr Key kGroupId{Subject::kGroup, "group_id"};
inline constexpr Key kPoolName{Subject::kPool, "name"};

}  // namespace internal

// All RPCs, in the order of the contract's files.
inline constexpr Method kMethods[] = {
    {"/covey.v1.AdminService/GetServerInfo", Shape::kUnary, Role::kViewer, internal::kNoKey, Repeat::kSafe,
     View::kNone},
    // The next daemon at the address is not meant.
    {"/covey.v1.AdminService/Drain", Shape::kUnary, Role::kOperator, internal::kNoKey, Repeat::kNever,
     View::kNone},
    {"/covey.v1.AdminService/Undrain", Shape::kUnary, Role::kOperator, internal::kNoKey, Repeat::kNever,
     View::kNone},
    {"/covey.v1.AdminService/Reload", Shape::kUnary, Role::kAdmin, internal::kNoKey, Repeat::kNever,
     View::kNone},
    {"/covey.v1.AdminService/Backup", Shape::kServerStream, Role::kAdmin, internal::kNoKey, Repeat::kNever,
     View::kNone},
    // The second one would purge what has ended since.
    {"/covey.v1.AdminService/Prune", Shape::kUnary, Role::kOperator, internal::kNoKey, Repeat::kNever,
     View::kNone},
    {"/covey.v1.AdminService/Diagnose", Shape::kUnary, Role::kOperator, internal::kNoKey, Repeat::kSafe,
     View::kNone},

    {"/covey.v1.EventService/StreamEvents", Shape::kServerStream, Role::kViewer,
     Key{Subject::kGroupIfNamed, "group_id"}, Repeat::kSafe, View::kFull},

    {"/covey.v1.GroupService/RunGroup", Shape::kBidi, Role::kSubmitter,
     Key{Subject::kNewGroup, "options.group_id"}, Repeat::kNever, View::kFull},
    {"/covey.v1.GroupService/CreateGroup", Shape::kUnary, Role::kSubmitter,
     Key{Subject::kNewGroup, "group_id"}, Repeat::kWithRequestId, View::kNone},
    {"/covey.v1.GroupService/SubmitTasks", Shape::kUnary, Role::kSubmitter, internal::kGroupId,
     Repeat::kWithRequestId, View::kNone},
    {"/covey.v1.GroupService/SubmitTaskStream", Shape::kClientStream, Role::kSubmitter, internal::kGroupId,
     Repeat::kWithRequestId, View::kNone},
    {"/covey.v1.GroupService/SealGroup", Shape::kUnary, Role::kSubmitter, internal::kGroupId, Repeat::kSafe,
     View::kNone},
    // It may seal.
    {"/covey.v1.GroupService/WaitGroup", Shape::kUnary, Role::kSubmitter, internal::kGroupId, Repeat::kSafe,
     View::kNone},
    {"/covey.v1.GroupService/CancelGroup", Shape::kUnary, Role::kSubmitter, internal::kGroupId, Repeat::kSafe,
     View::kNone},
    {"/covey.v1.GroupService/GetGroup", Shape::kUnary, Role::kViewer, internal::kGroupId, Repeat::kSafe,
     View::kFull},
    {"/covey.v1.GroupService/ListGroups", Shape::kUnary, Role::kViewer, internal::kNoKey, Repeat::kSafe,
     View::kBasic},
    // The second one would be NOT_FOUND, or delete a new group of that id.
    {"/covey.v1.GroupService/DeleteGroup", Shape::kUnary, Role::kSubmitter, internal::kGroupId,
     Repeat::kNever, View::kNone},
    {"/covey.v1.GroupService/Explain", Shape::kUnary, Role::kViewer, internal::kGroupId, Repeat::kSafe,
     View::kNone},
    {"/covey.v1.GroupService/StreamOutput", Shape::kServerStream, Role::kSubmitter, internal::kGroupId,
     Repeat::kSafe, View::kFull},

    {"/covey.v1.PoolService/CreatePool", Shape::kUnary, Role::kOperator, internal::kPoolName, Repeat::kNever,
     View::kNone},
    {"/covey.v1.PoolService/GetPool", Shape::kUnary, Role::kViewer, internal::kPoolName, Repeat::kSafe,
     View::kNone},
    {"/covey.v1.PoolService/ListPools", Shape::kUnary, Role::kViewer, internal::kNoKey, Repeat::kSafe,
     View::kNone},
    {"/covey.v1.PoolService/UpdatePool", Shape::kUnary, Role::kOperator, internal::kPoolName, Repeat::kSafe,
     View::kNone},
    {"/covey.v1.PoolService/ClosePool", Shape::kUnary, Role::kOperator, internal::kPoolName, Repeat::kNever,
     View::kNone},

    {"/covey.v1.TaskService/GetTask", Shape::kUnary, Role::kViewer, internal::kGroupId, Repeat::kSafe,
     View::kFull},
    {"/covey.v1.TaskService/ListTasks", Shape::kUnary, Role::kViewer, internal::kGroupId, Repeat::kSafe,
     View::kBasic},
    {"/covey.v1.TaskService/WaitTask", Shape::kUnary, Role::kViewer, internal::kGroupId, Repeat::kSafe,
     View::kFull},
    {"/covey.v1.TaskService/CancelTask", Shape::kUnary, Role::kSubmitter, internal::kGroupId, Repeat::kSafe,
     View::kFull},
    {"/covey.v1.TaskService/ReadOutput", Shape::kServerStream, Role::kSubmitter, internal::kGroupId,
     Repeat::kSafe, View::kFull},
};

// The row of an RPC by its name on the wire; null when the contract has no such RPC.
const Method* Find(std::string_view name);

// The same for a name that is written in the program: one that is not in the table does not compile.
consteval const Method& Named(std::string_view name) {
  for (const Method& method : kMethods) {
    if (method.name == name) return method;
  }
  throw "the contract has no RPC of this name";
}

}  // namespace covey::methods
