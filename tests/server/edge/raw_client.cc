#include "tests/server/edge/raw_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/sync_stream.h>

namespace covey::edge {

using grpc::ByteBuffer;

ByteBuffer Bytes(std::string_view text) {
  const grpc::Slice slice(text.data(), text.size());
  return {&slice, 1};
}

RawClient::RawClient(const std::string& address)
    : channel_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {}

RawClient::Answer RawClient::Call(const std::string& method, const std::vector<ByteBuffer>& requests,
                                  std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  // On the wire every shape looks alike.
  const grpc::internal::RpcMethod rpc(method.c_str(), grpc::internal::RpcMethod::BIDI_STREAMING, channel_);
  const std::unique_ptr<grpc::ClientReaderWriter<ByteBuffer, ByteBuffer>> stream(
      grpc::internal::ClientReaderWriterFactory<ByteBuffer, ByteBuffer>::Create(channel_.get(), rpc,
                                                                                &context));
  for (const ByteBuffer& request : requests) stream->Write(request);
  stream->WritesDone();
  Answer answer;
  ByteBuffer message;
  while (stream->Read(&message)) {
    grpc::Slice slice;
    if (message.DumpToSingleSlice(&slice).ok())
      answer.messages.emplace_back(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  answer.status = stream->Finish();
  return answer;
}

}  // namespace covey::edge
