#pragma once

// The library as one header: groups, pools, closers, and what they are made of.
#include "core/base/status.h"  // IWYU pragma: export
#include "core/run/closer.h"   // IWYU pragma: export
#include "core/run/context.h"  // IWYU pragma: export
#include "core/run/group.h"    // IWYU pragma: export
#include "core/run/lane.h"     // IWYU pragma: export
#include "core/run/pool.h"     // IWYU pragma: export
#include "core/run/runner.h"   // IWYU pragma: export
