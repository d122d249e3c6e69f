#pragma once

#include "client/cli/interrupts.h"
#include "client/cli/session.h"
#include "client/cli/task_source.h"

namespace covey::cli {

// Makes a group that lives on its own, submits all of `source`, seals it and prints its id alone. What was
// lost on the way is sent again under the same request id, a full queue is waited for. A signal or a bad task
// cancels the group. Returns the exit code.
int SubmitDetached(Session& session, client::Client client, const v1::GroupSpec& spec, TaskSource& source,
                   Interrupts& interrupts);

}  // namespace covey::cli
