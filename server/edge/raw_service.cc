#include "server/edge/raw_service.h"

#include <grpcpp/completion_queue.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/server_context.h>

namespace covey::edge {
namespace {

bool ComesWithRequest(const Rpc& rpc) {
  return rpc.arrives == Arrives::kWithCall &&
         (rpc.shape == Shape::kUnary || rpc.shape == Shape::kServerStream);
}

grpc::internal::RpcMethod::RpcType TypeOf(const Rpc& rpc) {
  if (!ComesWithRequest(rpc)) return grpc::internal::RpcMethod::BIDI_STREAMING;
  switch (rpc.shape) {
    case Shape::kUnary:
      return grpc::internal::RpcMethod::NORMAL_RPC;
    case Shape::kServerStream:
      return grpc::internal::RpcMethod::SERVER_STREAMING;
    case Shape::kClientStream:
      return grpc::internal::RpcMethod::CLIENT_STREAMING;
    case Shape::kBidi:
      return grpc::internal::RpcMethod::BIDI_STREAMING;
  }
  return grpc::internal::RpcMethod::BIDI_STREAMING;
}

}  // namespace

void RawService::Add(Rpc rpc) {
  const int index = static_cast<int>(methods_added_.size());
  methods_added_.push_back(
      std::make_unique<RawMethod>(RawMethod{.rpc = std::move(rpc), .service = this, .index = index}));
  const Rpc& added = methods_added_.back()->rpc;
  AddMethod(new grpc::internal::RpcServiceMethod(added.name.c_str(), TypeOf(added), nullptr));
  MarkMethodRaw(index);
}

void RawService::Request(const RawMethod& method, grpc::ServerContext& context, grpc::ByteBuffer& request,
                         grpc::internal::ServerAsyncStreamingInterface& stream,
                         grpc::ServerCompletionQueue& queue, Tag& tag) {
  // The same for each shape: whether the request comes with the call was settled when the method was
  // registered.
  if (ComesWithRequest(method.rpc)) {
    RequestAsyncUnary(method.index, &context, &request, &stream, &queue, &queue, &tag);
  } else {
    RequestAsyncBidiStreaming(method.index, &context, &stream, &queue, &queue, &tag);
  }
}

}  // namespace covey::edge
