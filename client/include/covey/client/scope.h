#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "covey/client/connection.h"
#include "covey/result.h"
#include "covey/v1/group_service.pb.h"

namespace covey::client {

// A block of work in the daemon: tasks that are started with Go, and none of which outlives the scope.
//
//   auto scope = client.OpenScope();
//   for (const std::string& file : files) scope.value().Go(Process({"gzip", file}));
//   auto result = scope.value().Wait();
//
// A scope that is left without Wait (an early return, an exception) cancels its tasks, and its destructor
// returns when nothing of them runs any more. When the process dies or the daemon is lost, the daemon cancels
// them as well: the scope is one RunGroup call.
//
// Go and Cancel may be called by several threads at once, Wait by one thread, which may be another one. A
// moved-from scope can only be destroyed or assigned to.
class Scope {
 public:
  // Made by Client::OpenScope; returns when the daemon has made the group. The timeout of `options` is one of
  // the group, as that of its spec.
  static Result<Scope> Open(std::shared_ptr<Connection> connection, const v1::GroupSpec& spec,
                            const CallOptions& options);
  Scope(Scope&& other) noexcept;
  // Leaves the scope that was here before.
  Scope& operator=(Scope&& other) noexcept;
  ~Scope();

  // Id of the group, for everybody else who looks at it.
  const std::string& id() const;
  // Sends a task; it starts when it gets a slot. kFailedPrecondition, reason SCOPE_ENDED, when the scope is
  // decided, waited for or lost: Wait says how it ended. A task with a string that is not UTF-8 is refused at
  // once, BAD_REQUEST, and the scope goes on; another bad task ends the scope, and Wait says why.
  Result<Void> Go(const v1::TaskSpec& task);
  // Takes no further tasks and returns how the group ended when nothing of it runs any more; again the same
  // when called again.
  Result<v1::GroupResult> Wait();
  // Cancels the tasks; Wait tells when they are gone.
  Result<Void> Cancel(std::string_view reason = {});

 private:
  class State;
  explicit Scope(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace covey::client
