#pragma once

#include "covey/v1/pool_service.grpc.pb.h"
#include "server/services/service_context.h"

namespace covey {

// PoolService. Lives as long as the server it is registered with.
class PoolHandlers {
 public:
  explicit PoolHandlers(const ServiceContext& context) : pools_(context.engine->pools()) {}
  void Register(edge::Server& server);

 private:
  using Handled = edge::Task<grpc::Status>;

  Handled CreatePool(edge::Unary<v1::CreatePoolRequest, v1::CreatePoolResponse>& call);
  Handled GetPool(edge::Unary<v1::GetPoolRequest, v1::GetPoolResponse>& call);
  Handled ListPools(edge::Unary<v1::ListPoolsRequest, v1::ListPoolsResponse>& call);
  Handled UpdatePool(edge::Unary<v1::UpdatePoolRequest, v1::UpdatePoolResponse>& call);
  Handled ClosePool(edge::Unary<v1::ClosePoolRequest, v1::ClosePoolResponse>& call);

  PoolTable& pools_;
  v1::PoolService::AsyncService service_;
};

}  // namespace covey
