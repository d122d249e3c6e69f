#pragma once

#include <memory>

#include "client/connection.h"
#include "client/retry.h"

namespace covey::client {

// A connection on top of another one that bridges a restart of the daemon, once the daemon has been reached:
//   - calls that may be made twice are made again; CreateGroup and SubmitTasks get a request id for that when
//   they
//     have none;
//   - StreamEvents and ReadOutput go on where they were, without a gap or a duplicate;
//   - RunGroup and SubmitTaskStream end with the connection: the one is bound to it, of the other it is not
//   known what
//     was accepted.
// The timeout of a call holds for all of its attempts.
std::shared_ptr<Connection> MakeRetryingConnection(std::shared_ptr<Connection> inner,
                                                   const RetryPolicy& policy);

}  // namespace covey::client
