#pragma once

#include "covey/v1/admin_service.grpc.pb.h"
#include "server/services/service_context.h"

namespace covey {

// AdminService. Lives as long as the server it is registered with.
class AdminHandlers {
 public:
  explicit AdminHandlers(const ServiceContext& context) : context_(context), engine_(*context.engine) {}
  void Register(edge::Server& server);

 private:
  using Handled = edge::Task<grpc::Status>;

  Handled GetServerInfo(edge::Unary<v1::GetServerInfoRequest, v1::GetServerInfoResponse>& call);
  Handled Reload(edge::Unary<v1::ReloadRequest, v1::ReloadResponse>& call);
  Handled Explain(edge::Unary<v1::ExplainRequest, v1::ExplainResponse>& call);
  Handled Drain(edge::Unary<v1::DrainRequest, v1::DrainResponse>& call);

  const ServiceContext& context_;
  Engine& engine_;
  v1::AdminService::AsyncService service_;
};

}  // namespace covey
