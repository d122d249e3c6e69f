#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include "server/convert/convert.h"
#include "server/doctor/judge.h"
#include "server/services/answer_room.h"
#include "server/services/call_lines.h"
#include "server/services/endings.h"
#include "server/services/services.h"

// AdminService.
namespace covey {
namespace {

using edge::Unary;
using InfoCall = Unary<v1::GetServerInfoRequest, v1::GetServerInfoResponse>;
using DrainCall = Unary<v1::DrainRequest, v1::DrainResponse>;
using BackupCall = edge::ServerStream<v1::BackupRequest, v1::BackupResponse>;
using UndrainCall = Unary<v1::UndrainRequest, v1::UndrainResponse>;
using DiagnoseCall = Unary<v1::DiagnoseRequest, v1::DiagnoseResponse>;
using ReloadCall = Unary<v1::ReloadRequest, v1::ReloadResponse>;

void AddChange(const Reloaded::Change& change, v1::ConfigChange* out) {
  out->set_key(change.key);
  out->set_before(change.before);
  out->set_after(change.after);
}

void AddBound(const char* key, uint64_t used, uint64_t limit, v1::GetServerInfoResponse& info) {
  v1::Bound& bound = *info.add_bounds();
  bound.set_key(key);
  bound.set_used(used);
  bound.set_limit(limit);
}

void AddBounds(const ServiceContext& service, v1::GetServerInfoResponse& info) {
  const Engine& engine = *service.engine;
  const Budget::Usage groups = engine.memory_usage();
  AddBound("max_group_memory", groups.used.bytes, groups.limit.bytes, info);
  const Budget::Usage queue = engine.queue_usage();
  AddBound("max_queued", queue.used.tasks, queue.limit.tasks, info);
  AddBound("max_queued_bytes", queue.used.bytes, queue.limit.bytes, info);
  if (service.requests != nullptr) {
    const Budget::Usage requests = service.requests->usage();
    AddBound("max_request_memory", requests.used.bytes, requests.limit.bytes, info);
  }
  if (service.answers != nullptr) {
    const Budget::Usage answers = service.answers->budget()->usage();
    AddBound("max_stream_memory", answers.used.bytes, answers.limit.bytes, info);
  }
}

Handled GetServerInfo(CallContext& context, InfoCall& call) {
  const ServiceContext& service = context.service;
  const Engine& engine = context.engine();
  v1::GetServerInfoResponse& info = call.response();
  info.set_version(service.version);
  info.set_instance_id(service.instance_id);
  *info.mutable_start_time() = ToProto(std::chrono::floor<std::chrono::microseconds>(service.start_time));
  *info.mutable_uptime() = ToProto(std::chrono::floor<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - service.start_instant));
  info.set_pid(getpid());
  for (const std::string& address : service.listen) info.add_listen(address);
  info.set_draining(engine.draining());
  if (service.health != nullptr) {
    for (std::string& why : service.health->whys()) info.add_not_serving(std::move(why));
  }
  info.mutable_journal()->set_backend(engine.journal_capabilities().backend);
  info.mutable_journal()->set_file_bytes(engine.journal_usage().file_bytes);
  if (service.retention != nullptr) *info.mutable_retention() = ToProto(service.retention->view());
  info.mutable_journal()->set_durable(engine.journal_capabilities().durable);
  info.set_process_control(service.process_control);
  for (const std::string& name : service.functions->Names()) info.add_functions(name);
  if (const auto processes = service.processes.lock()) {
    for (const std::string& name : processes->supervisor().controllers()) info.add_cgroup_controllers(name);
  }
  info.set_config_file(service.config_file);
  const Engine::Counts counts = engine.counts();
  info.set_running_groups(counts.running_groups);
  info.set_queued_tasks(counts.queued_tasks);
  info.set_running_tasks(static_cast<uint32_t>(counts.running_tasks));
  AddBounds(service, info);
  co_return Void{};
}

Handled Drain(CallContext& context, DrainCall& call) {
  context.waits = true;
  context.engine().BeginDrain();
  TellDrain(context, call.raw());
  if (context.service.on_drain) context.service.on_drain();
  using Clock = std::chrono::steady_clock;
  const auto timeout = WaitOf(call.request());
  const Clock::time_point end = timeout ? Clock::now() + *timeout : Clock::time_point::max();
  for (;;) {
    call.response().set_running_groups(static_cast<uint32_t>(context.engine().Busy().size()));
    if (call.response().running_groups() == 0) co_return Void{};
    if (!context.engine().draining()) {
      co_return Error{.code = ErrorCode::kFailedPrecondition,
                      .reason = "UNDRAINED",
                      .message = "somebody has taken the drain back: the daemon takes groups again"};
    }
    const Clock::time_point now = Clock::now();
    if (now >= end) co_return Void{};
    constexpr std::chrono::milliseconds kLook{50};
    const bool awake = co_await call.Sleep(std::min<Clock::duration>(kLook, end - now));
    if (!awake) co_return call.EndError();
  }
}

Handled Undrain(CallContext& context, UndrainCall& call) {
  if (std::optional<Error> refused = context.engine().EndDrain()) co_return *std::move(refused);
  TellUndrain(context, call.raw());
  if (context.service.on_drain) context.service.on_drain();
  co_return Void{};
}

Handled Reload(CallContext& context, ReloadCall& call) {
  edge::Completion<Reloaded> done;
  context.service.readers->Run(
      [&reload = context.service.reload, completer = done.completer()] { completer(reload()); },
      /*at_once=*/1);
  const Result<Reloaded> reloaded = co_await done;
  if (!reloaded.ok()) co_return reloaded.error();
  for (const Reloaded::Change& change : reloaded.value().changed)
    AddChange(change, call.response().add_changed());
  for (const Reloaded::Change& change : reloaded.value().needs_restart)
    AddChange(change, call.response().add_needs_restart());
  co_return Void{};
}

Handled Diagnose(CallContext& context, DiagnoseCall& call) {
  context.waits = true;  // for a disk that may be slow: it says so
  edge::Completion<std::vector<Finding>> done;
  context.service.readers->Run(
      [&diagnose = context.service.diagnose, completer = done.completer()] { completer(diagnose()); },
      /*at_once=*/1);
  const Result<std::vector<Finding>> findings = co_await done;
  if (!findings.ok()) co_return findings.error();
  call.response() = doctor::ToProto(findings.value());
  co_return Void{};
}

Handled Backup(CallContext& context, BackupCall& call) {
  edge::Completion<BackupReader> opening;
  context.service.backup(opening.completer());
  Result<BackupReader> opened = co_await opening;
  if (!opened.ok()) co_return opened.error();
  const BackupReader next = std::move(opened.value());
  for (;;) {
    edge::Completion<std::string> reading;
    context.service.readers->Run([next, completer = reading.completer()] { completer(next()); },
                                 /*at_once=*/1);
    Result<std::string> piece = co_await reading;
    if (!piece.ok()) co_return piece.error();
    if (piece.value().empty()) co_return Void{};
    v1::BackupResponse message;
    message.set_data(std::move(piece.value()));
    const bool ok = co_await call.Write(message);
    if (!ok) co_return call.EndError();
  }
}

}  // namespace

void AddAdminService(Dispatcher& dispatcher) {
  using methods::Named;
  dispatcher.Add(Named("/covey.v1.AdminService/GetServerInfo"), GetServerInfo);
  dispatcher.Add(Named("/covey.v1.AdminService/Drain"), Drain);
  dispatcher.Add(Named("/covey.v1.AdminService/Undrain"), Undrain);
  dispatcher.Add(Named("/covey.v1.AdminService/Reload"), Reload);
  dispatcher.Add(Named("/covey.v1.AdminService/Backup"), Backup);
  dispatcher.Add(Named("/covey.v1.AdminService/Diagnose"), Diagnose);
  AddPrune(dispatcher);
}

}  // namespace covey
