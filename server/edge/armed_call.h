#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <string>

#include "server/edge/call.h"
#include "server/edge/raw_service.h"

namespace covey::edge {

// A call with gRPC: first one that may come in, then the one that came. The stream's class is that of a
// bidirectional one for every shape, since it can do all that the others can.
class ArmedCall final : public Call {
 public:
  // Lets one more call of this RPC in on `queue`.
  static void Arm(const RawMethod& method, Queue& queue);

 private:
  ArmedCall(const RawMethod& method, Queue& queue);

  std::optional<Clock::time_point> deadline() const override;
  std::optional<std::string_view> metadata(std::string_view key) const override;
  std::string peer() const override { return context_.peer(); }
  void Abort() override { context_.TryCancel(); }

  void StartRead(grpc::ByteBuffer& bytes, Tag& tag) override { stream_.Read(&bytes, &tag); }
  void StartHeaders(Tag& tag) override { stream_.SendInitialMetadata(&tag); }
  void StartWrite(const grpc::ByteBuffer& bytes, bool hold, Tag& tag) override;
  void StartFinish(const grpc::ByteBuffer* last, const grpc::Status& status, Tag& tag) override;
  bool WasCancelled() const override { return context_.IsCancelled(); }

  // It came in or, false, the server is shutting down and it never will.
  void OnAccepted(bool ok);

  const RawMethod& method_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  MemberTag<ArmedCall, &ArmedCall::OnAccepted> accept_tag_;
};

}  // namespace covey::edge
