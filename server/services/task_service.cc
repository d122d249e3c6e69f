#include "server/services/task_service.h"

#include <algorithm>
#include <charconv>

#include "server/check/check.h"
#include "server/services/status.h"

namespace covey {
namespace {

bool IsOver(const TaskView& task) {
  return task.stopped || task.state.phase == state::TaskState::Phase::kEnded;
}

}  // namespace

void TaskHandlers::Register(edge::Server& server) {
  using Service = v1::TaskService::AsyncService;
  server.Add(service_, &Service::RequestGetTask, [this](auto& call) { return GetTask(call); });
  server.Add(service_, &Service::RequestListTasks, [this](auto& call) { return ListTasks(call); });
  server.Add(service_, &Service::RequestWaitTask, [this](auto& call) { return WaitTask(call); });
  server.Add(service_, &Service::RequestCancelTask, [this](auto& call) { return CancelTask(call); });
  server.Add(service_, &Service::RequestReadOutput, [this](auto& call) { return ReadOutput(call); });
}

v1::Task TaskHandlers::Describe(const TaskView& task) const {
  v1::Task message = ToProto(task);
  if (task.state.attempt > 0) {
    OutputKey key{.group = task.group, .task = task.index, .attempt = task.state.attempt};
    message.set_stdout_bytes(engine_.output().Size(key));
    key.stream = OutputStream::kStderr;
    message.set_stderr_bytes(engine_.output().Size(key));
  }
  return message;
}

edge::Task<bool> TaskHandlers::Over(GroupPtr group, uint32_t task) {
  edge::Completion<Void> over(edge::OnStop::kWake);
  const uint64_t waiter = group->WaitTask(task, [completer = over.completer()] { completer(Void{}); });
  std::optional<Void> ended = co_await over;
  if (!ended) group->Unwait(waiter);
  co_return ended.has_value();
}

TaskHandlers::Handled TaskHandlers::GetTask(Unary<v1::GetTaskRequest, v1::GetTaskResponse>& call) {
  const v1::GetTaskRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, request.group_id());
  std::optional<Result<GroupPtr>> group = co_await finding;
  if (!group) co_return call.EndStatus();
  if (!group->ok()) co_return ToGrpc(group->error());
  const auto task = group->value()->FindTask(request.task());
  if (!task) co_return ToGrpc(TaskNotFound(request.group_id(), request.task()));
  *call.response().mutable_task() = Describe(group->value()->ViewTask(*task));
  co_return grpc::Status::OK;
}

TaskHandlers::Handled TaskHandlers::ListTasks(Unary<v1::ListTasksRequest, v1::ListTasksResponse>& call) {
  const v1::ListTasksRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  uint32_t next = 0;  // the token is the index of the first task to look at
  const std::string& token = request.page_token();
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), next);
  if (!token.empty() && (error != std::errc() || end != token.data() + token.size())) {
    co_return ToGrpc(
        BadRequest({{"page_token", "page_token must be the next_page_token of an answer, got " + token}}));
  }
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, request.group_id());
  std::optional<Result<GroupPtr>> group = co_await finding;
  if (!group) co_return call.EndStatus();
  if (!group->ok()) co_return ToGrpc(group->error());
  constexpr int kDefaultPage = 100;
  const int limit = request.page_size() == 0 ? kDefaultPage : request.page_size();
  const uint32_t count = group->value()->task_count();
  constexpr uint32_t kLookedAt =
      10'000;  // a filter that few tasks pass answers short pages instead of long waits
  const uint32_t last = std::min<uint64_t>(count, uint64_t{next} + kLookedAt);
  while (next < last && call.response().tasks_size() < limit) {
    const size_t step = std::min<size_t>(limit - call.response().tasks_size(), last - next);
    for (const TaskView& task : group->value()->ViewTasks(next, step)) {
      ++next;
      const auto state = TaskStateOf(task);
      if (request.states_size() > 0 &&
          std::find(request.states().begin(), request.states().end(), state) == request.states().end()) {
        continue;
      }
      *call.response().add_tasks() = Describe(task);
    }
  }
  if (next < count) call.response().set_next_page_token(std::to_string(next));
  co_return grpc::Status::OK;
}

TaskHandlers::Handled TaskHandlers::WaitTask(Unary<v1::WaitTaskRequest, v1::WaitTaskResponse>& call) {
  const v1::WaitTaskRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, request.group_id());
  std::optional<Result<GroupPtr>> group = co_await finding;
  if (!group) co_return call.EndStatus();
  if (!group->ok()) co_return ToGrpc(group->error());
  const auto task = group->value()->FindTask(request.task());
  if (!task) co_return ToGrpc(TaskNotFound(request.group_id(), request.task()));
  edge::Task<bool> waiting = Over(group->value(), *task);
  const bool over = co_await waiting;
  if (!over) co_return call.EndStatus();
  *call.response().mutable_task() = Describe(group->value()->ViewTask(*task));
  co_return grpc::Status::OK;
}

TaskHandlers::Handled TaskHandlers::CancelTask(Unary<v1::CancelTaskRequest, v1::CancelTaskResponse>& call) {
  const v1::CancelTaskRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, request.group_id());
  std::optional<Result<GroupPtr>> group = co_await finding;
  if (!group) co_return call.EndStatus();
  if (!group->ok()) co_return ToGrpc(group->error());
  const auto task = group->value()->FindTask(request.task());
  if (!task) co_return ToGrpc(TaskNotFound(request.group_id(), request.task()));
  edge::Completion<std::optional<Error>> cancelled;
  Failure cause{.kind = FailureKind::kCancelled,
                .message = request.reason().empty() ? "cancelled by request"
                                                    : "cancelled by request: " + request.reason(),
                .task = request.task()};
  group->value()->CancelTask(request.task(), std::move(cause), IntoReply(cancelled));
  std::optional<std::optional<Error>> done = co_await cancelled;
  if (!done) co_return call.EndStatus();
  if (*done) co_return ToGrpc(**done);
  if (request.wait()) {
    edge::Task<bool> waiting = Over(group->value(), *task);
    const bool over = co_await waiting;
    if (!over) co_return call.EndStatus();
  }
  *call.response().mutable_task() = Describe(group->value()->ViewTask(*task));
  co_return grpc::Status::OK;
}

TaskHandlers::Handled TaskHandlers::ReadOutput(ReadCall& call) {
  const v1::ReadOutputRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, request.group_id());
  std::optional<Result<GroupPtr>> found = co_await finding;
  if (!found) co_return call.EndStatus();
  if (!found->ok()) co_return ToGrpc(found->error());
  const GroupPtr group = found->value();
  const auto task = group->FindTask(request.task());
  if (!task) co_return ToGrpc(TaskNotFound(request.group_id(), request.task()));

  edge::Signal news;
  const uint64_t watch = group->Watch(news.notifier());
  const std::shared_ptr<void> subscription = engine_.output().Subscribe(
      group->id(), [wanted = *task, notify = news.notifier()](uint32_t index, uint32_t, OutputStream) {
        if (index == wanted) notify();
      });
  // Wakes the handler no more, however it ends.
  const std::shared_ptr<void> unwatch(nullptr, [&](void*) { group->Unwatch(watch); });

  OutputKey key{
      .group = group->id(), .task = *task, .attempt = request.attempt(), .stream = ToCore(request.stream())};
  while (key.attempt == 0) {  // the last one started; there may be none yet
    const TaskView view = group->ViewTask(*task);
    key.attempt = view.state.attempt;
    if (key.attempt > 0) break;
    if (IsOver(view) || !request.follow()) co_return grpc::Status::OK;
    const edge::Wake wake = co_await news.Wait();
    if (wake != edge::Wake::kDone) co_return call.EndStatus();
  }
  const TaskView asked = group->ViewTask(*task);
  if (key.attempt > asked.state.attempt) {
    co_return ToGrpc(BadRequest({{"attempt", "attempt must be 0.." + std::to_string(asked.state.attempt) +
                                                 ", got " + std::to_string(key.attempt)}}));
  }
  const std::string& name = asked.name;
  uint64_t offset = request.offset();
  for (;;) {
    edge::Task<std::optional<OutputPiece>> reading = ReadOutputPiece(context_, key, offset);
    std::optional<OutputPiece> piece = co_await reading;
    if (!piece) co_return call.EndStatus();
    const bool empty = piece->bytes.empty() && piece->dropped == 0;
    if (!empty || piece->end) {
      const bool end = piece->end;
      offset = piece->offset + piece->bytes.size();
      v1::ReadOutputResponse message;
      *message.mutable_chunk() = ToProto(key, name, std::move(*piece));
      const bool ok = co_await call.Write(message);
      if (!ok) co_return call.EndStatus();
      if (end) co_return grpc::Status::OK;
      continue;
    }
    if (!request.follow()) co_return grpc::Status::OK;
    const edge::Wake wake = co_await news.Wait();
    if (wake != edge::Wake::kDone) co_return call.EndStatus();
  }
}

}  // namespace covey
