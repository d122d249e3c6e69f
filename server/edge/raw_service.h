#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <vector>

#include "server/edge/call.h"

namespace grpc {
class ServerCompletionQueue;
class ServerContext;
}  // namespace grpc

namespace covey::edge {

class RawService;

// An RPC as gRPC knows it.
struct RawMethod {
  Rpc rpc;
  RawService* service = nullptr;
  int index = 0;  // within its service
};

// What generated code has for one service of a contract, made of its methods' names and shapes instead: all
// messages are bytes. Reflection finds the service by its name.
class RawService final : public grpc::Service {
 public:
  explicit RawService(std::string name) : name_(std::move(name)) {}

  const std::string& name() const { return name_; }  // "covey.v1.GroupService"
  const std::vector<std::unique_ptr<RawMethod>>& methods() const { return methods_added_; }

  // Before the server starts.
  void Add(Rpc rpc);
  // Asks for the next call of a method: `request` gets the message of one that has exactly one.
  void Request(const RawMethod& method, grpc::ServerContext& context, grpc::ByteBuffer& request,
               grpc::internal::ServerAsyncStreamingInterface& stream, grpc::ServerCompletionQueue& queue,
               Tag& tag);

 private:
  const std::string name_;
  std::vector<std::unique_ptr<RawMethod>> methods_added_;  // gRPC keeps pointers to their names
};

}  // namespace covey::edge
