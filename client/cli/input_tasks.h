#pragma once

#include <memory>

#include "client/cli/record_reader.h"
#include "client/cli/task_maker.h"
#include "client/cli/task_source.h"

namespace covey::cli {

// One task; with `input` it gets all that is read there as its standard input, which the contract bounds.
std::unique_ptr<TaskSource> MakeSingleTask(v1::TaskSpec task,
                                           std::unique_ptr<StoppableInput> input = nullptr);

// A task for each record that `maker` makes one of. A bad record is an error that names it. Never holds more than a
// batch and a task: at most 1000 tasks and 512 KiB, or one larger task; what a pipe has at hand makes a batch of its
// own. No task at all is an error, unless `allow_empty`.
std::unique_ptr<TaskSource> MakeInputTasks(std::unique_ptr<RecordReader> records,
                                           std::unique_ptr<TaskMaker> maker, ProcessDefaults defaults,
                                           bool allow_empty);

}  // namespace covey::cli
