#pragma once

#include "core/spec/task_spec.h"

namespace covey {

// What a task runs, as far as it is listed: the name of its function, the kind of its work, or the first words of its
// command, cut at 512 bytes.
TaskWork BeginningOf(const TaskWork& work);

}  // namespace covey
