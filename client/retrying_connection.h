#pragma once

#include <memory>

#include "covey/client/connection.h"

namespace covey::client {

// A connection on top of another one that bridges a restart of the daemon, once the daemon has been reached,
// as the table of methods says: what may be repeated is made again, CreateGroup and SubmitTasks when they
// have a request id; StreamEvents, ReadOutput and StreamOutput go on where they were, without a gap or a duplicate,
// and SubmitTaskStream sends its messages again (see ResumingUpload); everything else is made again only when it
// was certainly not carried out, and RunGroup, which is bound to its connection, never. The timeout of a call holds for all of its attempts.
std::shared_ptr<Connection> MakeRetryingConnection(std::shared_ptr<Connection> inner,
                                                   const RetryPolicy& policy);

}  // namespace covey::client
