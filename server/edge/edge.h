#pragma once

// Everything that a handler needs.
#include "server/edge/calls.h"       // IWYU pragma: export
#include "server/edge/child.h"       // IWYU pragma: export
#include "server/edge/completion.h"  // IWYU pragma: export
#include "server/edge/server.h"      // IWYU pragma: export
#include "server/edge/signal.h"      // IWYU pragma: export
#include "server/edge/task.h"        // IWYU pragma: export
