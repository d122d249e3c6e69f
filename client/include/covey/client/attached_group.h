#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "covey/client/connection.h"
#include "covey/client/stream.h"
#include "covey/result.h"
#include "covey/v1/group_service.pb.h"

namespace covey::client {

// A group that lives as long as this object: one RunGroup call is one scope.
//
// Made by Client::RunGroup. Add tasks, Seal, read with Next until it is false, Finish. When the object goes
// before Finish has returned, or its process dies, the daemon cancels the group; who waits for nobody then
// may join it by its id, with WaitGroup or CancelGroup.
//
// Threads: Add and Seal are one side, Next and Finish the other; each side is used by one thread at a time,
// both may be used at once. A reader that stops reading stops, in the end, the writer too. Cancel, Abandon
// and id may be called by any thread.
//
// Invariants:
//   1. The first message was written before anything else could be.
//   2. The id is set by the first message read and never changes.
class AttachedGroup {
 public:
  // Starts the call with `first` as its first message.
  AttachedGroup(std::shared_ptr<Connection> connection, const v1::RunGroupRequest& first,
                const CallOptions& options);
  AttachedGroup(const AttachedGroup&) = delete;
  AttachedGroup& operator=(const AttachedGroup&) = delete;
  ~AttachedGroup();

  // Adds tasks, at most 10000 a call and about 4 MB in all. False when the call is over: Finish says why. A task
  // that cannot be sent (a string that is not UTF-8) ends the call, and so the group.
  bool Add(const v1::TaskSpec& task);
  bool Add(const std::vector<v1::TaskSpec>& tasks);
  bool Add(const v1::RunGroupRequest& message);
  // No task follows: the group ends when its tasks have ended.
  bool Seal();

  // Waits for the next message: the group that was made, events, output, the result. False when none follows.
  bool Next(v1::RunGroupResponse* message);
  // Reads what is left and returns how the group ended, when nothing of it runs any more; again the same when
  // called again. A call that ends before its group (its deadline, Abandon, a restart of the daemon) has the
  // group cancelled: that it has ended is then asked with WaitGroup, within `join`. An error when the group
  // was refused, when one of its messages was, or when nobody can tell how it ended. Waits for ever unless
  // the group is sealed or decided.
  Result<v1::GroupResult> Finish(const CallOptions& join = {});

  // Id of the group; empty until the first message has been read.
  std::string id() const;
  // Cancels the group and lets the call go on, so that Next still tells how the tasks end; returns when the
  // daemon has recorded it. kFailedPrecondition while the id is not known.
  Result<v1::Group> Cancel(std::string_view reason, const CallOptions& options = {});
  // Ends the call at once, which makes the daemon cancel the group.
  void Abandon();

 private:
  class State;
  Result<v1::GroupResult> End(const CallOptions& join);

  const std::shared_ptr<Connection> connection_;
  Duplex<v1::RunGroupRequest, v1::RunGroupResponse> stream_;
  const std::unique_ptr<State> state_;  // what has been read
};

}  // namespace covey::client
