#include "server/services/admin_service.h"

#include <unistd.h>

#include "server/check/check.h"
#include "server/services/status.h"

namespace covey {
namespace {

void AddChange(const Reloaded::Change& change, v1::ConfigChange* out) {
  out->set_key(change.key);
  out->set_before(change.before);
  out->set_after(change.after);
}

}  // namespace

void AdminHandlers::Register(edge::Server& server) {
  using Service = v1::AdminService::AsyncService;
  server.Add(service_, &Service::RequestGetServerInfo, [this](auto& call) { return GetServerInfo(call); });
  server.Add(service_, &Service::RequestDrain, [this](auto& call) { return Drain(call); });
  server.Add(service_, &Service::RequestReload, [this](auto& call) { return Reload(call); });
  server.Add(service_, &Service::RequestExplain, [this](auto& call) { return Explain(call); });
}

AdminHandlers::Handled AdminHandlers::GetServerInfo(
    edge::Unary<v1::GetServerInfoRequest, v1::GetServerInfoResponse>& call) {
  v1::GetServerInfoResponse& info = call.response();
  info.set_version(context_.version);
  info.set_instance_id(context_.instance_id);
  *info.mutable_start_time() = ToProto(std::chrono::floor<std::chrono::microseconds>(context_.start_time));
  *info.mutable_uptime() = ToProto(std::chrono::floor<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - context_.start_instant));
  info.set_pid(getpid());
  for (const std::string& address : context_.listen) info.add_listen(address);
  info.set_draining(engine_.draining());
  info.mutable_journal()->set_backend(engine_.journal_capabilities().backend);
  info.mutable_journal()->set_durable(engine_.journal_capabilities().durable);
  info.set_process_control(context_.process_control);
  for (const std::string& name : context_.functions->Names()) info.add_functions(name);
  if (const auto processes = context_.processes.lock()) {
    for (const std::string& name : processes->supervisor().controllers()) info.add_cgroup_controllers(name);
  }
  info.set_config_file(context_.config_file);
  const Engine::Counts counts = engine_.counts();
  info.set_running_groups(counts.running_groups);
  info.set_queued_tasks(counts.queued_tasks);
  info.set_running_tasks(static_cast<uint32_t>(counts.running_tasks));
  co_return grpc::Status::OK;
}

AdminHandlers::Handled AdminHandlers::Drain(edge::Unary<v1::DrainRequest, v1::DrainResponse>& call) {
  engine_.BeginDrain();
  if (context_.on_drain) context_.on_drain();
  while (!engine_.Busy().empty()) {
    constexpr std::chrono::milliseconds kLook{50};
    const bool awake = co_await call.Sleep(kLook);
    if (!awake) co_return call.EndStatus();
  }
  co_return grpc::Status::OK;
}

AdminHandlers::Handled AdminHandlers::Reload(edge::Unary<v1::ReloadRequest, v1::ReloadResponse>& call) {
  edge::Completion<Result<Reloaded>> done;
  context_.readers->Run([&reload = context_.reload, completer = done.completer()] { completer(reload()); },
                        /*at_once=*/1);
  const std::optional<Result<Reloaded>> reloaded = co_await done;
  if (!reloaded) co_return call.EndStatus();
  if (!reloaded->ok()) co_return ToGrpc(reloaded->error());
  for (const Reloaded::Change& change : reloaded->value().changed)
    AddChange(change, call.response().add_changed());
  for (const Reloaded::Change& change : reloaded->value().needs_restart)
    AddChange(change, call.response().add_needs_restart());
  co_return grpc::Status::OK;
}

AdminHandlers::Handled AdminHandlers::Explain(edge::Unary<v1::ExplainRequest, v1::ExplainResponse>& call) {
  const v1::ExplainRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, request.group_id());
  std::optional<Result<GroupPtr>> group = co_await finding;
  if (!group) co_return call.EndStatus();
  if (!group->ok()) co_return ToGrpc(group->error());
  std::optional<uint32_t> task;
  if (!request.task().empty()) {
    task = group->value()->FindTask(request.task());
    if (!task) co_return ToGrpc(TaskNotFound(request.group_id(), request.task()));
  }
  call.response() = ToProto(group->value()->Explain(task));
  co_return grpc::Status::OK;
}

}  // namespace covey
