#include "tests/client/fake_daemon.h"

#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>

#include "core/base/check.h"
#include "covey/methods.h"
#include "proto/rpc_status.h"

namespace covey::client {
namespace {

using google::protobuf::Message;
using GrpcStream = grpc::ServerReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

class BytesStream final : public ServerStream {
 public:
  explicit BytesStream(GrpcStream* stream) : stream_(stream) {}

  bool Read(Message* message) override {
    grpc::ByteBuffer bytes;
    if (!stream_->Read(&bytes)) return false;
    grpc::ProtoBufferReader reader(&bytes);
    COVEY_CHECK(message->ParseFromZeroCopyStream(&reader));
    return true;
  }
  bool Write(const Message& message) override {
    const std::string encoded = message.SerializeAsString();
    const grpc::Slice slice(encoded);
    return stream_->Write(grpc::ByteBuffer(&slice, 1));
  }

 private:
  GrpcStream* const stream_;
};

}  // namespace

// Every method of the contract as streams of bytes both ways, which on the wire is what the others are too.
class FakeDaemon::Server final : public grpc::Service {
 public:
  explicit Server(const FakeDaemon* daemon) {
    using Handler = grpc::internal::BidiStreamingHandler<Server, grpc::ByteBuffer, grpc::ByteBuffer>;
    for (const methods::Method& method : methods::kMethods) {
      AddMethod(new grpc::internal::RpcServiceMethod(
          method.name.data(), grpc::internal::RpcMethod::BIDI_STREAMING,
          new Handler(
              [daemon, name = method.name](Server*, grpc::ServerContext* context, GrpcStream* stream) {
                const auto hook = daemon->hooks_.find(name);
                if (hook == daemon->hooks_.end()) {
                  return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "the test has no hook for it");
                }
                BytesStream bytes(stream);
                return hook->second(context, &bytes);
              },
              this)));
    }
    grpc::ServerBuilder builder;
    builder.AddListeningPort(daemon->address(), grpc::InsecureServerCredentials());
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // as coveyd: a window update could be 10 s late
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    COVEY_CHECK(server_ != nullptr);
  }
  ~Server() override {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }

 private:
  std::unique_ptr<grpc::Server> server_;
};

FakeDaemon::FakeDaemon() {
  std::string pattern = (std::filesystem::temp_directory_path() / "covey-client-XXXXXX").string();
  COVEY_CHECK(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  socket_ = folder_ + "/sock";
  server_ = std::make_unique<Server>(this);
}

FakeDaemon::~FakeDaemon() {
  Stop();
  std::filesystem::remove_all(folder_);
}

void FakeDaemon::Stop() { server_.reset(); }

void FakeDaemon::Set(std::string_view method, Hook hook) {
  for (const methods::Method& one : methods::kMethods) {
    if (one.name.substr(one.name.rfind('/') + 1) == method) hooks_[one.name] = std::move(hook);
  }
}

void FakeDaemon::SetAll(const std::function<grpc::Status(std::string_view, ServerStream*)>& hook) {
  for (const methods::Method& one : methods::kMethods) {
    hooks_[one.name] = [hook, &one](grpc::ServerContext*, ServerStream* stream) {
      return hook(one.name, stream);
    };
  }
}

grpc::Status DetailedStatus(grpc::StatusCode code, const std::string& message, const std::string& reason,
                            const std::vector<std::pair<std::string, std::string>>& fields) {
  rpc::StatusDetails details{.code = static_cast<rpc::Code>(code), .message = message};
  details.error_infos.push_back({.reason = reason, .domain = "covey", .metadata = {}});
  for (const auto& [field, description] : fields) details.field_violations.push_back({field, description});
  return {code, message, rpc::Encode(details)};
}

}  // namespace covey::client
