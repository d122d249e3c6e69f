#pragma once

#include "covey/v1/group_service.grpc.pb.h"
#include "server/services/service_context.h"

namespace covey {

// GroupService.RunGroup: one call is one scope.
edge::Task<grpc::Status> RunGroup(const ServiceContext& context,
                                  edge::BidiStream<v1::RunGroupRequest, v1::RunGroupResponse>& call);

}  // namespace covey
