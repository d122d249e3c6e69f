#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace covey::edge {

grpc::ByteBuffer Bytes(std::string_view text);

// A client that sends whatever bytes, to an RPC of any shape.
class RawClient {
 public:
  explicit RawClient(const std::string& address);

  struct Answer {
    grpc::Status status;
    std::vector<std::string> messages;
  };
  // Sends all requests, says that this was all, and reads until the end.
  Answer Call(const std::string& method, const std::vector<grpc::ByteBuffer>& requests,
              std::chrono::milliseconds timeout = std::chrono::minutes(1));

 private:
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace covey::edge
