#include "tests/support/engine_world.h"

#include <algorithm>
#include <map>
#include <set>

namespace covey::testing {
namespace {

using state::Event;
using state::EventKind;

std::string Text(const Event& event, const Record& record) {
  const std::string task = event.task == state::kNoTask ? "" : " " + std::to_string(event.task);
  const std::string attempt = task + "." + std::to_string(event.attempt);
  const std::string why = event.failure == FailureKind::kNone ? "" : " " + std::string(Name(event.failure));
  static constexpr const char* kResults[] = {" requeued", " succeeded", " failed", " stopped"};
  static constexpr const char* kOutcomes[] = {"", " SUCCEEDED", " FAILED", " CANCELLED"};
  switch (event.kind) {
    case EventKind::kGroupCreated:
      return "created";
    case EventKind::kTaskSubmitted:
      return "submitted" + task;
    case EventKind::kTaskStarted:
      return "started" + attempt;
    case EventKind::kTaskExited:
      return "exited" + attempt + kResults[static_cast<int>(event.result)] + why +
             (event.code == 0 ? "" : " " + std::to_string(event.code));
    case EventKind::kCancelRequested:
      return "requested" + (task.empty() ? " all" : task) + why;
    case EventKind::kCancelDelivered:
      return "delivered" + attempt + " signal " + std::to_string(event.code);
    case EventKind::kCancelKilled:
      return "killed" + attempt;
    case EventKind::kCancelGone:
      return "gone" + attempt;
    case EventKind::kGroupSealed:
      return "sealed";
    case EventKind::kGroupDecided:
      return std::string("decided") + kOutcomes[static_cast<int>(event.outcome)] + why +
             (event.count == 0 ? "" : " dropping " + std::to_string(event.count));
    case EventKind::kGroupCompleted:
      return "completed";
  }
  return "unknown " + std::to_string(record.number);
}

}  // namespace

class ScriptedExecutor::Scripted final : public Execution {
 public:
  Scripted(ScriptedExecutor& executor, std::weak_ptr<Attempt> attempt)
      : executor_(executor), attempt_(std::move(attempt)) {}
  void Stop(const Failure& cause) override {
    MutexLock lock(executor_.mutex_);
    if (const auto attempt = attempt_.lock(); attempt != nullptr && !attempt->stop) attempt->stop = cause;
  }

 private:
  ScriptedExecutor& executor_;
  const std::weak_ptr<Attempt> attempt_;
};

std::shared_ptr<ScriptedExecutor::Attempt> ScriptedExecutor::Add(const Launch& launch,
                                                                 std::shared_ptr<AttemptListener> listener) {
  auto attempt = std::make_shared<Attempt>();
  attempt->name = launch.task + "." + std::to_string(launch.attempt);
  attempt->launch = launch;
  attempt->listener = std::move(listener);
  MutexLock lock(mutex_);
  if (!at_once_) running_.push_back(attempt);
  return attempt;
}

std::shared_ptr<Execution> ScriptedExecutor::Start(const Launch& launch,
                                                   std::shared_ptr<AttemptListener> listener) {
  const auto attempt = Add(launch, listener);
  {
    MutexLock lock(mutex_);
    ++launches_;
  }
  if (!begin_later_) listener->OnStarted();
  if (at_once_) listener->OnExit({}, nullptr);
  return std::make_shared<Scripted>(*this, attempt);
}

std::shared_ptr<Execution> ScriptedExecutor::Recover(const Launch& launch,
                                                     std::shared_ptr<AttemptListener> listener) {
  if (!recovers_) return nullptr;
  return std::make_shared<Scripted>(*this, Add(launch, std::move(listener)));
}

std::vector<std::string> ScriptedExecutor::running() const {
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& attempt : running_) names.push_back(attempt->name);
  return names;
}

size_t ScriptedExecutor::launches() const {
  MutexLock lock(mutex_);
  return launches_;
}

std::shared_ptr<ScriptedExecutor::Attempt> ScriptedExecutor::Find(const std::string& name) const {
  MutexLock lock(mutex_);
  const auto found =
      std::find_if(running_.begin(), running_.end(), [&](const auto& each) { return each->name == name; });
  COVEY_CHECK(found != running_.end());
  return *found;
}

std::optional<Failure> ScriptedExecutor::stopped(const std::string& name) const {
  const auto attempt = Find(name);
  MutexLock lock(mutex_);
  return attempt->stop;
}

Launch ScriptedExecutor::launch(const std::string& name) const { return Find(name)->launch; }

void ScriptedExecutor::Exit(const std::string& name, Status status, std::shared_ptr<const Payload> result) {
  Take(name)->listener->OnExit(std::move(status), std::move(result));
}

void ScriptedExecutor::Lose(const std::string& name) {
  Take(name)->listener->OnLost({.message = "nobody knows what became of it"});
}

std::shared_ptr<ScriptedExecutor::Attempt> ScriptedExecutor::Take(const std::string& name) {
  auto attempt = Find(name);
  MutexLock lock(mutex_);
  std::erase(running_, attempt);
  return attempt;
}

void ScriptedExecutor::ExitAll() {
  for (auto names = running(); !names.empty(); names = running()) Exit(names.front());
}

World::~World() {
  journal->ReleaseCommits();
  journal->Close();
  for (const auto& dead : dead_executors_) dead->ExitAll();
  executor->ExitAll();
}

std::optional<Error> World::Open() {
  if (!engines_.empty()) {
    dead_executors_.push_back(executor);
    executor = next_executor != nullptr ? std::exchange(next_executor, nullptr)
                                        : std::make_shared<ScriptedExecutor>();
  }
  ExecutorTable executors;
  executors.Set<FunctionSpec>(functions != nullptr ? functions : executor);
  executors.Set<std::shared_ptr<const ProcessSpec>>(executor);
  engines_.push_back(
      std::make_unique<Engine>(Engine::Options{.journal = between != nullptr ? between : journal,
                                               .output = output,
                                               .executors = executors,
                                               .timers = timers,
                                               .wall_clock = [this] { return wall; },
                                               .pools = pools,
                                               .max_queued = max_queued,
                                               .resident_groups = resident_groups,
                                               .resident_bytes = resident_bytes,
                                               .group_bytes = group_bytes,
                                               .whole_tasks = whole_tasks,
                                               .fold_after = fold_after,
                                               .answers = answers,
                                               .warn = warn,
                                               .activity = activity,
                                               .counts = counts}));
  if (auto error = engine().Recover(recovery_watcher)) return error;
  if (!parked) engine().Run();
  return std::nullopt;
}

TaskSpec World::Task(std::string name) {
  return {.name = std::move(name), .work = FunctionSpec{.name = "scripted"}};
}

std::vector<TaskSpec> World::Tasks(size_t count) {
  std::vector<TaskSpec> tasks;
  for (size_t i = 0; i < count; ++i) tasks.push_back(Task());
  return tasks;
}

Result<World::GroupPtr> World::Create(Engine::Create create) {
  return Get(
      Ask<Result<GroupPtr>>([&](auto done) { engine().CreateGroup(std::move(create), std::move(done)); }));
}

World::GroupPtr World::Make(size_t tasks, bool seal, GroupSpec spec) {
  auto made = Create({.spec = std::move(spec), .tasks = Tasks(tasks), .seal = seal});
  COVEY_CHECK(made.ok());
  return made.value();
}

Result<World::GroupPtr> World::Find(const std::string& id) {
  return Get(Ask<Result<GroupPtr>>([&](auto done) { engine().Find(id, std::move(done)); }));
}

std::future<Result<DurableGroup::SubmitReply>> World::Submit(const GroupPtr& group,
                                                             std::vector<TaskSpec> tasks, RequestMark request,
                                                             bool seal) {
  return Ask<Result<DurableGroup::SubmitReply>>([&](auto done) {
    engine().Submit(group, std::move(tasks), seal, std::move(request), std::move(done));
  });
}

std::future<std::optional<Error>> World::Seal(const GroupPtr& group) {
  return Ask<std::optional<Error>>([&](auto done) { group->Seal(std::move(done)); });
}

std::future<std::optional<Error>> World::Cancel(const GroupPtr& group, std::string message) {
  return Ask<std::optional<Error>>([&](auto done) {
    group->Cancel({.kind = FailureKind::kCancelled, .message = std::move(message)}, std::move(done));
  });
}

std::future<std::optional<Error>> World::CancelTask(const GroupPtr& group, const std::string& name) {
  return Ask<std::optional<Error>>([&](auto done) {
    group->CancelTask(name, {.kind = FailureKind::kCancelled, .message = "not this one"}, std::move(done));
  });
}

Result<std::vector<Record>> World::Records(const std::string& id) {
  return Get(Ask<Result<std::vector<Record>>>(
      [&](auto done) { journal->Read(id, 1, {.count = SIZE_MAX, .bytes = SIZE_MAX}, std::move(done)); }));
}

Result<TaskView> World::ReadTask(const GroupPtr& group, uint32_t index) {
  return Get(Ask<Result<TaskView>>([&](auto done) { engine().ReadTask(group, index, std::move(done)); }));
}

std::vector<std::string> World::Story(const std::string& id) {
  std::vector<std::string> lines;
  const auto records = Records(id);
  for (const Record& record : records.value()) {
    if (record.number > 1) lines.push_back(Text(record.event, record));
  }
  return lines;
}

std::string World::CheckLog(const GroupPtr& group) {
  const auto read = Records(group->id());
  if (!read.ok()) return "cannot be read";
  state::GroupState folded{.policy = group->spec()->policy, .max_failures = group->spec()->max_failures};
  std::vector<state::TaskState> tasks;
  std::map<std::pair<uint32_t, uint32_t>, int> starts;
  int decided = 0;
  int completed = 0;
  uint64_t number = 0;
  for (const Record& record : read.value()) {
    const Event& event = record.event;
    if (record.number != ++number) return "a gap before " + std::to_string(record.number);
    if (folded.completed) return "an event after the completion";
    if (event.kind == EventKind::kTaskSubmitted) {
      if (event.task != tasks.size()) return "a task out of order";
      tasks.emplace_back();
    }
    if (event.kind == EventKind::kTaskStarted && ++starts[{event.task, event.attempt}] > 1)
      return "an attempt started twice";
    if (event.kind == EventKind::kTaskStarted && folded.decided) return "a start after the decision";
    decided += event.kind == EventKind::kGroupDecided;
    completed += event.kind == EventKind::kGroupCompleted;
    Apply(folded, event);
    if (AboutTask(event)) Apply(tasks.at(event.task), event);
    const auto& s = folded;
    if (s.submitted != s.queued + s.running + s.succeeded + s.failed + s.stopped) return "counters";
    if (s.decided && s.queued != 0) return "queued after the decision";
    if (s.completed && (!s.decided || s.running != 0)) return "completed too early";
  }
  if (decided > 1 || completed > 1) return "decided or completed twice";
  const GroupSummary view = group->View();
  folded.armed = view.state.armed;  // not an event
  if (!(folded == view.state)) return "the view is not the fold of the log";
  if (view.last_number != number) return "the view's number";
  if (view.state.submitted != tasks.size()) return "the number of tasks";
  for (uint32_t i = 0; i < tasks.size(); ++i) {
    const Result<TaskView> task = ReadTask(group, i);
    if (!task.ok()) return task.error().message;
    if (!(task.value().state == tasks[i])) return "task " + std::to_string(i) + " is not the fold of the log";
  }
  return "";
}

Failure ExitFailure(int code, std::string detail) {
  return {.kind = FailureKind::kExit,
          .code = code,
          .message = "exited with code " + std::to_string(code),
          .detail = std::move(detail)};
}

}  // namespace covey::testing
