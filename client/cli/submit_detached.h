#pragma once

#include <string>

#include "client/cli/interrupts.h"
#include "client/cli/session.h"
#include "client/cli/task_source.h"

namespace covey::cli {

// Both send all of `source` in batches, each under a request id of its own: what was lost on the way, also in
// a restart of the daemon, is sent again and counts once, and a full queue is waited for. They return the
// exit code.

// Makes a group that lives on its own, submits all of `source`, seals it and prints its id alone. A signal or
// a bad task cancels the group. Once it is decided it takes no more, and `source` is read no further.
int SubmitDetached(Session& session, client::Client client, const v1::GroupSpec& spec, TaskSource& source,
                   Interrupts& interrupts);

// Submits all of `source` to a group that is there, and seals it when asked. A signal or a bad task leaves
// the group with the tasks that were accepted, and says how many these are.
int SubmitTo(Session& session, client::Client client, const std::string& group, bool seal, TaskSource& source,
             Interrupts& interrupts);

}  // namespace covey::cli
