#pragma once

#include "client/cli/task_source.h"
#include "covey/client/client.h"

namespace covey::cli {

// Bounds the batches of `source` by half of what may wait for a slot, so that they go in as room comes: a batch of
// more than all of it never would. A daemon that does not say leaves them as they are.
void FitIntoQueue(client::Client& client, TaskSource& source);

}  // namespace covey::cli
