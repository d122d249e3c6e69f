#pragma once

#include "client/cli/interrupts.h"
#include "client/cli/session.h"
#include "client/cli/task_source.h"

namespace covey::cli {

// Runs a group for as long as this program lives: feeds it from `source`, prints what its tasks write as it
// comes, and at the end how it ended. `raw` prints the bytes of the tasks without their names. A signal, a
// bad task or a closed standard output cancels the group; the end of its tasks is still waited for. Returns
// the exit code.
int RunAttached(Session& session, client::Client client, const v1::GroupSpec& spec, TaskSource& source,
                Interrupts& interrupts, bool raw);

}  // namespace covey::cli
