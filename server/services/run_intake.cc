#include "server/services/run_intake.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "server/services/task_intake.h"

namespace covey {
namespace {

constexpr std::string_view kTasks = "tasks[";

// The task that a field belongs to, as in "tasks[2].name": its index, and the rest of the path.
std::optional<std::pair<size_t, std::string>> TaskOf(std::string_view field) {
  const size_t close = field.find(']');
  size_t index = 0;
  if (!field.starts_with(kTasks) || close == std::string_view::npos ||
      std::from_chars(field.data() + kTasks.size(), field.data() + close, index).ec != std::errc())
    return std::nullopt;
  std::string_view rest = field.substr(close + 1);
  if (rest.starts_with('.')) rest.remove_prefix(1);
  return std::pair(index, std::string(rest));
}

Error NameTwice(const std::string& name) {
  return {.code = ErrorCode::kInvalidArgument,
          .reason = "TASK_NAME_TAKEN",
          .message = "the group has a task of the name " + name,
          .fields = {{"name", "must be unique in the group, got " + name}}};
}

}  // namespace

edge::Task<Result<std::vector<TaskSpec>>> RunIntake::Take(v1::RunGroupRequest& message,
                                                          const GroupPtr& group) {
  const bool first = ++number_ == 1;
  if (first) refuses_ = message.options().on_invalid() == v1::ON_INVALID_REFUSE;
  if (Violations bad = refuses_ ? CheckWithoutTasks(message, first) : Check(message, first); !bad.empty())
    co_return InMessage(BadRequest(std::move(bad)));
  if (refuses_) {
    Handled sifting = Sift(message, group);
    const Result<Void> sifted = co_await sifting;
    if (!sifted.ok()) co_return sifted.error();
    co_return TasksOf(message.tasks());
  }
  edge::Task<Result<std::vector<TaskSpec>>> taking = TakeTasks(context_, message.tasks());
  Result<std::vector<TaskSpec>> taken = co_await taking;
  if (!taken.ok() && !edge::EndsCall(taken.error())) co_return InMessage(taken.error());
  co_return std::move(taken);
}

Handled RunIntake::Sift(v1::RunGroupRequest& message, const GroupPtr& group) {
  places_.clear();
  std::unordered_set<std::string> names;
  google::protobuf::RepeatedPtrField<v1::TaskSpec> good;
  for (int place = 0; place < message.tasks_size(); ++place) {
    v1::TaskSpec& task = *message.mutable_tasks(place);
    edge::Task<Result<Void>> checking = CheckTask(task, group);
    Result<Void> checked = co_await checking;
    if (!checked.ok() && edge::EndsCall(checked.error())) co_return checked.error();
    if (checked.ok() && !task.name().empty() && !names.insert(task.name()).second)
      checked = NameTwice(task.name());
    if (checked.ok()) {
      good.Add(std::move(task));
      places_.push_back(static_cast<uint32_t>(place));
    } else {
      Note(static_cast<size_t>(place), checked.error());
    }
  }
  message.mutable_tasks()->Swap(&good);
  co_return Void{};
}

edge::Task<Result<Void>> RunIntake::CheckTask(const v1::TaskSpec& task, const GroupPtr& group) {
  if (Violations bad = Check(task); !bad.empty()) co_return BadRequest(std::move(bad));
  if (group != nullptr && !task.name().empty()) {
    edge::Completion<uint32_t> finding;
    context_.engine->FindTask(group, task.name(), finding.completer());
    const Result<uint32_t> found = co_await finding;
    if (found.ok()) co_return NameTwice(task.name());
    if (found.error().code != ErrorCode::kNotFound) co_return found.error();
  }
  google::protobuf::RepeatedPtrField<v1::TaskSpec> alone;
  *alone.Add() = task;
  edge::Task<Result<std::vector<TaskSpec>>> taking = TakeTasks(context_, alone);
  const Result<std::vector<TaskSpec>> taken = co_await taking;
  if (taken.ok()) co_return Void{};
  Error error = taken.error();
  for (FieldViolation& violation : error.fields) {
    if (auto part = TaskOf(violation.field)) violation.field = std::move(part->second);
  }
  co_return error;
}

bool RunIntake::Refuse(v1::RunGroupRequest& message, const Error& error) {
  if (!refuses_ || error.fields.empty()) return false;
  const auto part = TaskOf(error.fields.front().field);
  if (!part || part->first >= places_.size()) return false;
  Error of_task = error;
  of_task.fields = {{part->second, error.fields.front().description}};
  const auto index = static_cast<int>(part->first);
  Note(places_[part->first], of_task);
  places_.erase(places_.begin() + index);
  message.mutable_tasks()->DeleteSubrange(index, 1);
  return true;
}

Error RunIntake::InMessage(Error error) const {
  if (number_ <= 1) return error;
  const std::string number = std::to_string(number_);
  error.message = "message " + number + ": " + error.message;
  for (FieldViolation& violation : error.fields) violation.field.insert(0, "messages[" + number + "].");
  return error;
}

void RunIntake::Note(size_t place, const Error& error) {
  v1::RefusedTask& task = refused_.emplace_back();
  task.set_message_number(number_);
  task.set_index(static_cast<uint32_t>(place));
  task.set_reason(ReasonOf(error));
  if (error.fields.empty()) {
    task.set_message(error.message);
  } else {
    task.set_field(error.fields.front().field);
    task.set_message(error.fields.front().description);
  }
}

}  // namespace covey
