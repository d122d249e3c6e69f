#include "server/convert/convert.h"
#include "server/services/services.h"
#include "server/services/watch.h"

// PoolService.
namespace covey {
namespace {

using edge::Unary;
using CreateCall = Unary<v1::CreatePoolRequest, v1::CreatePoolResponse>;
using GetCall = Unary<v1::GetPoolRequest, v1::GetPoolResponse>;
using ListCall = Unary<v1::ListPoolsRequest, v1::ListPoolsResponse>;
using UpdateCall = Unary<v1::UpdatePoolRequest, v1::UpdatePoolResponse>;
using CloseCall = Unary<v1::ClosePoolRequest, v1::ClosePoolResponse>;

Handled CreatePool(CallContext& context, CreateCall& call) {
  edge::Completion<PoolView> created;
  context.engine().pools().Create(call.request().name(), call.request().max(), created.completer());
  const Result<PoolView> pool = co_await created;
  if (!pool.ok()) co_return pool.error();
  *call.response().mutable_pool() = ToProto(pool.value());
  co_return Void{};
}

Handled GetPool(CallContext& context, GetCall& call) {
  const Result<PoolView> pool = context.engine().pools().Get(call.request().name());
  if (!pool.ok()) co_return pool.error();
  *call.response().mutable_pool() = ToProto(pool.value());
  co_return Void{};
}

Handled ListPools(CallContext& context, ListCall& call) {
  for (const PoolView& pool : context.engine().pools().List()) *call.response().add_pools() = ToProto(pool);
  co_return Void{};
}

Handled UpdatePool(CallContext& context, UpdateCall& call) {
  edge::Completion<PoolView> updated;
  context.engine().pools().Update(call.request().name(), call.request().max(), updated.completer());
  const Result<PoolView> pool = co_await updated;
  if (!pool.ok()) co_return pool.error();
  *call.response().mutable_pool() = ToProto(pool.value());
  co_return Void{};
}

Handled ClosePool(CallContext& context, CloseCall& call) {
  context.waits = true;
  edge::Completion<Void> closed(edge::OnStop::kWake);
  const PoolClosing closing(context.engine().pools(), call.request().name(), closed.completer());
  const Result<Void> done = co_await closed;
  co_return done;
}

}  // namespace

void AddPoolService(Dispatcher& dispatcher) {
  using methods::Named;
  dispatcher.Add(Named("/covey.v1.PoolService/CreatePool"), CreatePool);
  dispatcher.Add(Named("/covey.v1.PoolService/GetPool"), GetPool);
  dispatcher.Add(Named("/covey.v1.PoolService/ListPools"), ListPools);
  dispatcher.Add(Named("/covey.v1.PoolService/UpdatePool"), UpdatePool);
  dispatcher.Add(Named("/covey.v1.PoolService/ClosePool"), ClosePool);
}

}  // namespace covey
