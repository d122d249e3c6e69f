#include "server/services/pool_service.h"

#include "server/check/check.h"
#include "server/services/status.h"

namespace covey {

using edge::Unary;

void PoolHandlers::Register(edge::Server& server) {
  using Service = v1::PoolService::AsyncService;
  server.Add(service_, &Service::RequestCreatePool, [this](auto& call) { return CreatePool(call); });
  server.Add(service_, &Service::RequestGetPool, [this](auto& call) { return GetPool(call); });
  server.Add(service_, &Service::RequestListPools, [this](auto& call) { return ListPools(call); });
  server.Add(service_, &Service::RequestUpdatePool, [this](auto& call) { return UpdatePool(call); });
  server.Add(service_, &Service::RequestClosePool, [this](auto& call) { return ClosePool(call); });
}

PoolHandlers::Handled PoolHandlers::CreatePool(Unary<v1::CreatePoolRequest, v1::CreatePoolResponse>& call) {
  const v1::CreatePoolRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Completion<Result<PoolView>> created;
  pools_.Create(request.name(), request.max(), Into(created));
  std::optional<Result<PoolView>> pool = co_await created;
  if (!pool) co_return call.EndStatus();
  if (!pool->ok()) co_return ToGrpc(pool->error());
  *call.response().mutable_pool() = ToProto(pool->value());
  co_return grpc::Status::OK;
}

PoolHandlers::Handled PoolHandlers::GetPool(Unary<v1::GetPoolRequest, v1::GetPoolResponse>& call) {
  if (Violations bad = Check(call.request()); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  const Result<PoolView> pool = pools_.Get(call.request().name());
  if (!pool.ok()) co_return ToGrpc(pool.error());
  *call.response().mutable_pool() = ToProto(pool.value());
  co_return grpc::Status::OK;
}

PoolHandlers::Handled PoolHandlers::ListPools(Unary<v1::ListPoolsRequest, v1::ListPoolsResponse>& call) {
  for (const PoolView& pool : pools_.List()) *call.response().add_pools() = ToProto(pool);
  co_return grpc::Status::OK;
}

PoolHandlers::Handled PoolHandlers::UpdatePool(Unary<v1::UpdatePoolRequest, v1::UpdatePoolResponse>& call) {
  const v1::UpdatePoolRequest& request = call.request();
  if (Violations bad = Check(request); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Completion<Result<PoolView>> updated;
  pools_.Update(request.name(), request.max(), Into(updated));
  std::optional<Result<PoolView>> pool = co_await updated;
  if (!pool) co_return call.EndStatus();
  if (!pool->ok()) co_return ToGrpc(pool->error());
  *call.response().mutable_pool() = ToProto(pool->value());
  co_return grpc::Status::OK;
}

PoolHandlers::Handled PoolHandlers::ClosePool(Unary<v1::ClosePoolRequest, v1::ClosePoolResponse>& call) {
  if (Violations bad = Check(call.request()); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  edge::Completion<Result<Void>> gone(edge::OnStop::kWake);
  const uint64_t waiter = pools_.Close(call.request().name(), Into(gone));
  std::optional<Result<Void>> closed = co_await gone;
  if (!closed) {
    pools_.Unwait(waiter);
    co_return call.EndStatus();
  }
  if (!closed->ok()) co_return ToGrpc(closed->error());
  co_return grpc::Status::OK;
}

}  // namespace covey
