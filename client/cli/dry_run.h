#pragma once

#include "client/cli/interrupts.h"
#include "client/cli/session.h"
#include "client/cli/task_source.h"

namespace covey::cli {

// Prints what each task would run, one a line: as a shell would take it, or as JSON that --file takes. Starts nothing
// and asks no daemon. Returns the exit code.
int DryRun(Session& session, TaskSource& source, Interrupts& interrupts);

}  // namespace covey::cli
