#pragma once

// The library as one header: groups, pools, closers, and what they are made of.
#include "covey/closer.h"       // IWYU pragma: export
#include "covey/collect.h"      // IWYU pragma: export
#include "covey/context.h"      // IWYU pragma: export
#include "covey/group.h"        // IWYU pragma: export
#include "covey/policy.h"       // IWYU pragma: export
#include "covey/pool.h"         // IWYU pragma: export
#include "covey/queue.h"        // IWYU pragma: export
#include "covey/runner.h"       // IWYU pragma: export
#include "covey/status.h"       // IWYU pragma: export
#include "covey/task.h"         // IWYU pragma: export
#include "covey/timer_queue.h"  // IWYU pragma: export
