#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "core/engine/sweep.h"
#include "server/convert/convert.h"
#include "server/services/services.h"

// AdminService.Prune.
namespace covey {
namespace {

using PruneCall = edge::Unary<v1::PruneRequest, v1::PruneResponse>;

constexpr std::chrono::milliseconds kBetweenSteps{5};
constexpr int kStepsAtOnce = 16;  // until the call is asked whether it is still there

SweepBounds BoundsOf(const v1::PruneRequest& request, const ServiceContext& service) {
  const WallTime now = service.engine->now();
  SweepBounds bounds;
  if (!request.has_older_than() && !request.has_keep_groups() && !request.has_keep_bytes()) {
    if (service.retention != nullptr) bounds = Retention::BoundsAt(service.retention->view().bounds, now);
  }
  if (request.has_older_than()) {
    const auto age = std::chrono::floor<std::chrono::microseconds>(ToCore(request.older_than()));
    bounds.ended_before = bounds.failed_before = now - age + std::chrono::microseconds(1);
  }
  if (request.has_keep_groups()) bounds.keep_groups = request.keep_groups();
  if (request.has_keep_bytes()) bounds.keep_bytes = request.keep_bytes();
  for (const int state : request.states())
    bounds.phases.push_back(ToCore(static_cast<v1::GroupState>(state)));
  for (const auto& [key, value] : request.labels()) bounds.labels.emplace_back(key, value);
  return bounds;
}

void Add(const Swept& swept, v1::PruneResponse& response) {
  response.set_groups(response.groups() + swept.groups);
  response.set_bytes(response.bytes() + swept.bytes);
  for (const EndedGroup& group : swept.first) {
    if (response.first_size() == static_cast<int>(Swept::kTold)) break;
    v1::PrunedGroup& told = *response.add_first();
    told.set_id(group.id);
    told.set_state(ToProto(group.phase));
    *told.mutable_end_time() = ToProto(group.ended);
    told.set_bytes(group.bytes);
  }
}

// What was purged at once, and whether there is more.
struct Part {
  Swept swept;
  bool more = false;
};

Result<Part> PurgeSome(Engine& engine, const SweepBounds& bounds, bool dry_run) {
  Part part;
  Sweep sweep(engine, bounds);
  int steps = 0;
  Result<Swept> swept = dry_run ? sweep.Look() : sweep.Purge([&] {
    std::this_thread::sleep_for(kBetweenSteps);
    part.more = ++steps == kStepsAtOnce;
    return !part.more;
  });
  if (!swept.ok()) return swept.error();
  part.swept = std::move(swept.value());
  return part;
}

Handled Prune(CallContext& context, PruneCall& call) {
  context.waits = true;
  const SweepBounds bounds = BoundsOf(call.request(), context.service);
  const bool dry_run = call.request().dry_run();
  for (;;) {
    edge::Completion<Part> purging;
    context.service.readers->Run(
        [&engine = context.engine(), bounds, dry_run, completer = purging.completer()] {
          completer(PurgeSome(engine, bounds, dry_run));
        },
        /*at_once=*/1);
    const Result<Part> part = co_await purging;
    if (!part.ok()) co_return part.error();
    Add(part.value().swept, call.response());
    if (!part.value().more || part.value().swept.groups == 0) co_return Void{};
  }
}

}  // namespace

void AddPrune(Dispatcher& dispatcher) {
  dispatcher.Add(methods::Named("/covey.v1.AdminService/Prune"), Prune);
}

v1::Retention ToProto(const Retention::View& view) {
  v1::Retention out;
  const auto duration = [](std::chrono::microseconds age) { return ToProto(std::chrono::nanoseconds(age)); };
  out.set_groups(view.usage.ended_groups);
  out.set_bytes(view.usage.ended_bytes);
  if (view.bounds.age.count() > 0) *out.mutable_max_age() = duration(view.bounds.age);
  if (view.bounds.failed_age.count() > 0) *out.mutable_max_failed_age() = duration(view.bounds.failed_age);
  out.set_max_groups(view.bounds.groups);
  out.set_max_bytes(view.bounds.bytes);
  out.set_purged_groups(view.purged_groups);
  out.set_purged_bytes(view.purged_bytes);
  if (view.waiting) {
    *out.mutable_purges_from() = ToProto(view.usage.purges_from);
    out.set_waiting_groups(view.waiting->groups);
    out.set_waiting_bytes(view.waiting->bytes);
  }
  return out;
}

}  // namespace covey
