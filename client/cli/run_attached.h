#pragma once

#include "client/cli/interrupts.h"
#include "client/cli/session.h"
#include "client/cli/task_source.h"

namespace covey::cli {

// How what tasks write is printed.
struct OutputStyle {
  bool raw = false;         // the bytes alone, without the names of the tasks
  bool keep_order = false;  // in the order of the tasks, not as it comes
};

// Runs a group for as long as this program lives: feeds it from `source`, prints what its tasks write, and at
// the end how it ended. A signal, a bad task or a closed standard output cancels the group; the end of its tasks is still waited for. Returns
// the exit code.
int RunAttached(Session& session, client::Client client, const v1::GroupSpec& spec, TaskSource& source,
                Interrupts& interrupts, OutputStyle style);

}  // namespace covey::cli
