#pragma once

#include "client/cli/top_model.h"
#include "covey/client/client.h"
#include "covey/result.h"

namespace covey::cli {

// What `top` shows, as the daemon tells it: its pools and at most 1000 groups. Blocks for 15 s at most.
Result<TopSnapshot> TakeSnapshot(client::Client client);

// What there is to be seen at a place. Of a group at most 1000 tasks, of a task the end of what it wrote. Blocks for
// 15 s at most.
Result<TopLook> LookAt(client::Client client, const TopPlace& place);

// Cancels, without waiting for the end; the answer says so in one line.
Result<std::string> CancelFromTop(client::Client client, const TopModel::Cancelled& target);

}  // namespace covey::cli
