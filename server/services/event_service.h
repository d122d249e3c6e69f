#pragma once

#include "covey/v1/event_service.grpc.pb.h"
#include "server/services/service_context.h"

namespace covey {

// EventService. Lives as long as the server it is registered with.
class EventHandlers {
 public:
  explicit EventHandlers(const ServiceContext& context) : engine_(*context.engine) {}
  void Register(edge::Server& server);

 private:
  using Handled = edge::Task<grpc::Status>;
  using StreamCall = edge::ServerStream<v1::StreamEventsRequest, v1::StreamEventsResponse>;

  Handled StreamEvents(StreamCall& call);
  Handled StreamOne(StreamCall& call);
  Handled StreamAll(StreamCall& call);

  Engine& engine_;
  v1::EventService::AsyncService service_;
};

}  // namespace covey
