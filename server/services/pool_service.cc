#include "server/convert/convert.h"
#include "server/services/endings.h"
#include "server/services/services.h"
#include "server/services/watch.h"

// PoolService.
namespace covey {
namespace {

using edge::Unary;
using CreatePoolCall = Unary<v1::CreatePoolRequest, v1::CreatePoolResponse>;
using GetPoolCall = Unary<v1::GetPoolRequest, v1::GetPoolResponse>;
using ListPoolCall = Unary<v1::ListPoolsRequest, v1::ListPoolsResponse>;
using UpdatePoolCall = Unary<v1::UpdatePoolRequest, v1::UpdatePoolResponse>;
using ClosePoolCall = Unary<v1::ClosePoolRequest, v1::ClosePoolResponse>;

Handled CreatePool(CallContext& context, CreatePoolCall& call) {
  edge::Completion<PoolView> created;
  context.engine().pools().Create(call.request().name(), call.request().spec().max(), created.completer());
  const Result<PoolView> pool = co_await created;
  if (!pool.ok()) co_return pool.error();
  *call.response().mutable_pool() = ToProto(pool.value());
  co_return Void{};
}

Handled GetPool(CallContext& context, GetPoolCall& call) {
  const Result<PoolView> pool = context.engine().pools().Get(call.request().name());
  if (!pool.ok()) co_return pool.error();
  *call.response().mutable_pool() = ToProto(pool.value());
  co_return Void{};
}

Handled ListPools(CallContext& context, ListPoolCall& call) {
  const v1::ListPoolsRequest& request = call.request();
  constexpr size_t kDefaultPage = 100;
  const size_t limit = request.page_size() == 0 ? kDefaultPage : static_cast<size_t>(request.page_size());
  for (const PoolView& pool : context.engine().pools().List()) {
    if (!request.page_token().empty() && pool.name <= request.page_token()) continue;
    v1::ListPoolsResponse& response = call.response();
    if (static_cast<size_t>(response.pools_size()) == limit) {
      response.set_next_page_token(response.pools(response.pools_size() - 1).name());
      break;
    }
    *response.add_pools() = ToProto(pool);
  }
  co_return Void{};
}

Handled UpdatePool(CallContext& context, UpdatePoolCall& call) {
  // Check has seen to the mask: of what it may name there is one field, so that all of them are `max`.
  edge::Completion<PoolView> updated;
  context.engine().pools().Update(call.request().name(), call.request().spec().max(), updated.completer());
  const Result<PoolView> pool = co_await updated;
  if (!pool.ok()) co_return pool.error();
  *call.response().mutable_pool() = ToProto(pool.value());
  co_return Void{};
}

Handled ClosePool(CallContext& context, ClosePoolCall& call) {
  context.waits = true;
  const std::string& name = call.request().name();
  edge::Completion<Void> closed(edge::OnStop::kWake);
  const WaitLimit limit(WaitOf(call.request()), closed.completer());
  const PoolClosing closing(context.engine().pools(), name, closed.completer());
  const Result<Void> done = co_await closed;
  if (!done.ok()) co_return done.error();
  const Result<PoolView> pool = context.engine().pools().Get(name);
  // Another pool of the name, made since, is not the one that was closed.
  if (pool.ok() && pool.value().closing) *call.response().mutable_pool() = ToProto(pool.value());
  co_return Void{};
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
