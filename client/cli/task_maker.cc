#include "client/cli/task_maker.h"

#include <cstdint>
#include <utility>

#include "client/cli/command_line.h"
#include "client/cli/each_template.h"
#include "client/cli/json.h"
#include "client/cli/json_reader.h"
#include "covey/client/task.h"

namespace covey::cli {
namespace {

using MadeTask = Result<std::optional<v1::TaskSpec>>;

constexpr std::string_view kExample = "{\"process\":{\"argv\":[\"make\",\"all\"]}}";

// A record that is no task: an empty one, or a comment.
bool IsNone(std::string_view record) {
  const size_t text = record.find_first_not_of(" \t\r");
  return text == std::string_view::npos || record[text] == '#';
}

// JSON, or what somebody meant to be: an object, or a list of objects. Commands may begin with '[' as well.
bool LooksLikeJson(std::string_view record) {
  const size_t first = record.find_first_not_of(" \t\r");
  if (record[first] == '{') return true;
  const size_t second = record.find_first_not_of(" \t\r", first + 1);
  return record[first] == '[' && (second == std::string_view::npos || record[second] == '{');
}

// JSON that is laid out over several lines, as jq does it by itself.
bool GoesOn(std::string_view record) {
  const size_t last = record.find_last_not_of(" \t\r");
  return last != std::string_view::npos &&
         std::string_view("{[,:").find(record[last]) != std::string_view::npos;
}

// What Linux takes as one argument (MAX_ARG_STRLEN, less its NUL), and the contract in all.
constexpr size_t kLongestArgument = 131'071;
constexpr size_t kAllArguments = 1 << 20;

MadeTask Program(std::vector<std::string> words, const Directory& directory) {
  if (!directory.ok()) return directory.error();
  size_t all = 0;
  for (const std::string& word : words) {
    if (word.size() > kLongestArgument) {
      return UsageError("one argument of a process has at most " + std::to_string(kLongestArgument) +
                        " bytes, got " + std::to_string(word.size()));
    }
    all += word.size() + 1;
  }
  if (all > kAllArguments) {
    return UsageError("the arguments of a process have at most " + std::to_string(kAllArguments) +
                      " bytes, got " + std::to_string(all));
  }
  if (words[0].empty()) return UsageError("the program is missing: its name is empty");
  v1::TaskSpec task = client::Process(std::move(words));
  task.mutable_process()->set_working_dir(directory.value());
  return std::optional(std::move(task));
}

class JsonMaker final : public TaskMaker {
 public:
  MadeTask Make(std::string_view record) override {
    if (IsNone(record)) return std::optional<v1::TaskSpec>();
    JsonReader reader(record);
    if (reader.Peek() != '{') {
      return UsageError("a task is one line such as " + std::string(kExample) + ", got " + reader.Found());
    }
    v1::TaskSpec task;
    if (const Result<Void> parsed = FromJson(record, &task); !parsed.ok()) {
      if (!GoesOn(record)) return parsed.error();
      return UsageError("a task is one line, and this one goes on: jq -c makes one line of each");
    }
    if (task.work_case() == v1::TaskSpec::WORK_NOT_SET)
      return UsageError("one of \"process\" and \"function\" is required, as in " + std::string(kExample));
    if (task.has_process() && task.process().argv().empty())
      return UsageError("process.argv: the program is missing, as in " + std::string(kExample));
    return std::optional(std::move(task));
  }
};

class CommandMaker final : public TaskMaker {
 public:
  explicit CommandMaker(Directory&& directory) : directory_(std::move(directory)) {}

  MadeTask Make(std::string_view record) override {
    if (IsNone(record)) return std::optional<v1::TaskSpec>();
    return Program({"sh", "-c", std::string(record)}, directory_);
  }

 private:
  const Directory directory_;
};

class GuessingMaker final : public TaskMaker {
 public:
  GuessingMaker(Directory&& directory, std::function<void()> on_commands)
      : directory_(std::move(directory)), on_commands_(std::move(on_commands)) {}

  MadeTask Make(std::string_view record) override {
    if (maker_ != nullptr) return maker_->Make(record);
    if (IsNone(record)) return std::optional<v1::TaskSpec>();
    if (!LooksLikeJson(record)) {
      maker_ = TasksOfCommands(std::move(directory_));
      on_commands_();
      return maker_->Make(record);
    }
    maker_ = TasksOfJson();
    MadeTask made = maker_->Make(record);
    if (made.ok() || GoesOn(record)) return made;
    // { true; } is a command as well.
    return UsageError(made.error().message + "; --format lines takes it for a command");
  }

 private:
  Directory directory_;
  const std::function<void()> on_commands_;
  std::unique_ptr<TaskMaker> maker_;  // once it is known
};

class ArgumentMaker final : public TaskMaker {
 public:
  ArgumentMaker(std::vector<std::string> program, Directory directory, bool skip_empty)
      : template_(std::move(program)), directory_(std::move(directory)), skip_empty_(skip_empty) {}

  MadeTask Make(std::string_view record) override {
    if (record.empty() && skip_empty_) return std::optional<v1::TaskSpec>();
    return Program(template_.Expand(record, ++number_), directory_);
  }

 private:
  const EachTemplate template_;
  const Directory directory_;
  const bool skip_empty_;
  uint64_t number_ = 0;  // of the task made last
};

}  // namespace

std::unique_ptr<TaskMaker> TasksOfJson() { return std::make_unique<JsonMaker>(); }

std::unique_ptr<TaskMaker> TasksOfCommands(Directory directory) {
  return std::make_unique<CommandMaker>(std::move(directory));
}

std::unique_ptr<TaskMaker> GuessedTasks(Directory directory, std::function<void()> on_commands) {
  return std::make_unique<GuessingMaker>(std::move(directory), std::move(on_commands));
}

std::unique_ptr<TaskMaker> TasksOfArguments(std::vector<std::string> program, Directory directory,
                                            bool skip_empty) {
  return std::make_unique<ArgumentMaker>(std::move(program), std::move(directory), skip_empty);
}

}  // namespace covey::cli
