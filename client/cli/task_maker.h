#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "covey/result.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// Makes tasks of the records of an input, in their order.
class TaskMaker {
 public:
  TaskMaker() = default;
  TaskMaker(const TaskMaker&) = delete;
  TaskMaker& operator=(const TaskMaker&) = delete;
  virtual ~TaskMaker() = default;

  // The task of a record; nullopt when it is none. An error says what is wrong with it, and what would be right.
  virtual Result<std::optional<v1::TaskSpec>> Make(std::string_view record) = 0;
};

// The directory that tasks start in which were typed here; the error is told only when there is such a task.
using Directory = Result<std::string>;

// Records are TaskSpecs in JSON; empty ones and those that begin with '#' are no tasks.
std::unique_ptr<TaskMaker> TasksOfJson();

// Records are commands for sh; empty ones and those that begin with '#' are no tasks.
std::unique_ptr<TaskMaker> TasksOfCommands(Directory directory);

// The first record that can be a task says which of both they are: one that begins as an object is JSON. `on_commands` is
// called before the first command.
std::unique_ptr<TaskMaker> GuessedTasks(Directory directory, std::function<void()> on_commands);

// Records are arguments of a program, put in place as EachTemplate does. `skip_empty`: empty ones are no tasks.
std::unique_ptr<TaskMaker> TasksOfArguments(std::vector<std::string> program, Directory directory,
                                            bool skip_empty);

}  // namespace covey::cli
