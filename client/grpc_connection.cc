#include "client/grpc_connection.h"

#include <google/protobuf/message.h>
#include <grpc/grpc.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

#include "client/error_table.h"
#include "client/outgoing.h"
#include "core/base/mutex.h"
#include "covey/version.h"

namespace covey::client {
namespace {

using google::protobuf::Message;
using methods::Method;
// As the generated stubs use them, but with messages in their encoded form: one stub for every method.
using BytesStream = grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;
using BytesStreamFactory = grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>;

// The kind matters to interceptors alone, of which there are none.
grpc::internal::RpcMethod RpcOf(const Method& method, grpc::internal::RpcMethod::RpcType type) {
  return {method.name.data(), type};
}

grpc::ByteBuffer Encode(const Message& message) {
  grpc::ByteBuffer bytes;
  const size_t size = message.ByteSizeLong();
  grpc::ProtoBufferWriter writer(&bytes, grpc::kProtoBufferWriterMaxBufferLength, static_cast<int>(size));
  message.SerializeToZeroCopyStream(&writer);
  return bytes;
}

bool Decode(grpc::ByteBuffer* bytes, Message* message) {
  grpc::ProtoBufferReader reader(bytes);
  return reader.status().ok() && message->ParseFromZeroCopyStream(&reader);
}

Error BadAnswer(const Method& method) {
  return {.code = ErrorCode::kInternal,
          .reason = "BAD_ANSWER",
          .message = "an answer of the daemon to " + std::string(method.name) + " cannot be read",
          .fields = {}};
}

// Sets the deadline of a call that starts now.
void Prepare(const CallOptions& options, grpc::ClientContext* context) {
  if (!options.timeout) return;
  // Far enough for everybody, and no overflow of the clock.
  constexpr std::chrono::hours kLongest{24 * 365 * 10};
  const auto timeout =
      std::clamp<std::chrono::nanoseconds>(*options.timeout, std::chrono::nanoseconds(0), kLongest);
  context->set_deadline(std::chrono::system_clock::now() +
                        std::chrono::duration_cast<std::chrono::system_clock::duration>(timeout));
}

Result<Void> EndOf(const grpc::Status& status, bool cancelled, const std::string& address,
                   const CallOptions& options) {
  if (status.ok()) return Void{};
  return ErrorOf({.code = static_cast<rpc::Code>(status.error_code()),
                  .message = status.error_message(),
                  .details = status.error_details(),
                  .cancelled = cancelled},
                 address, options.retry_after);
}

// A streamed call of any shape. Invariants:
//   1. The call is finished at most once, and always before its context goes.
//   2. A message that must not be sent ends the call, which then fails for that reason.
class GrpcStream final : public MessageStream {
 public:
  // Starts the call; with a `request` that is all that is written.
  GrpcStream(std::string address, grpc::ChannelInterface* channel, const Method& method,
             const Message* request, const CallOptions& options)
      : address_(std::move(address)), method_(method), options_(options) {
    if (request != nullptr && Refuse(*request)) return;
    Prepare(options, &context_);
    context_.set_initial_metadata_corked(request != nullptr);  // to go with the request
    stream_.reset(BytesStreamFactory::Create(
        channel, RpcOf(method, grpc::internal::RpcMethod::BIDI_STREAMING), &context_));
    if (request != nullptr) stream_->WriteLast(Encode(*request), {});
  }
  ~GrpcStream() override {
    if (end_ || stream_ == nullptr) return;
    Cancel();
    (void)Finish();
  }

  bool Next(Message* message) override {
    grpc::ByteBuffer bytes;
    if (bad_ || stream_ == nullptr || !stream_->Read(&bytes)) return false;
    if (Decode(&bytes, message)) return true;
    bad_ = true;
    context_.TryCancel();
    return false;
  }
  bool Write(const Message& message) override {
    if (stream_ == nullptr) return false;
    if (!Refuse(message)) return stream_->Write(Encode(message));
    context_.TryCancel();
    return false;
  }
  bool HalfClose() override { return stream_ != nullptr && stream_->WritesDone(); }
  Result<Void> Finish() override {
    if (end_) return *end_;
    if (stream_ == nullptr) return *refusal();
    // The status comes after the messages: unread ones would hold it back.
    for (grpc::ByteBuffer dropped; stream_->Read(&dropped);) {
    }
    const grpc::Status status = stream_->Finish();
    const std::optional<Error> refused = refusal();
    end_ = bad_ ? Result<Void>(BadAnswer(method_)) : EndOf(status, cancelled_, address_, options_);
    if (refused && !status.ok()) end_ = *refused;
    return *end_;
  }
  void Cancel() override {
    cancelled_ = true;
    context_.TryCancel();
  }

 private:
  // True when `message` must not be sent, which is kept for Finish.
  bool Refuse(const Message& message) {
    std::optional<Error> refused = RefuseToSend(message);
    if (!refused) return false;
    const MutexLock lock(mutex_);
    refusal_ = std::move(refused);
    return true;
  }
  std::optional<Error> refusal() {
    const MutexLock lock(mutex_);
    return refusal_;
  }

  // Constant after construction.
  const std::string address_;
  const Method& method_;
  const CallOptions options_;
  grpc::ClientContext context_;          // has its own synchronisation
  std::unique_ptr<BytesStream> stream_;  // null: the one request must not be sent

  Mutex mutex_;
  std::optional<Error> refusal_ COVEY_GUARDED_BY(mutex_);  // of the last message that must not be sent

  std::atomic<bool> cancelled_ = false;

  // Used by the reading thread alone.
  bool bad_ = false;  // a message could not be read
  std::optional<Result<Void>> end_;
};

grpc::ChannelArguments Arguments(const ConnectOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetUserAgentPrefix("covey-client/" COVEY_VERSION);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.keepalive_time.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options.keepalive_timeout.count()));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // a quiet stream is pinged for ever
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, static_cast<int>(options.connect_timeout.count()));
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  // Two clients in one program share neither a socket nor the wait after a failed attempt.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // gRPC 1.51 sometimes holds a window update back until its next probe of the bandwidth, for up to 10 s. So
  // no probes, but a window that suits a line of 10 MiB/s over 100 ms.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1 << 20);
  // http_proxy is for the web: a daemon that runs commands is not reached through it by accident.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return arguments;
}

// One reference to gRPC that is never given back: after the last one gRPC 1.51 joins a thread that may sleep
// in a poll of 10 s, and so would the exit of the program.
void KeepGrpc() { [[maybe_unused]] static const bool kKept = (grpc_init(), true); }

class GrpcConnection final : public Connection {
 public:
  GrpcConnection(std::string address, const ConnectOptions& options)
      : address_(std::move(address)),
        channel_((KeepGrpc(), grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(),
                                                        Arguments(options)))) {}

  Result<Void> Call(const Method& method, const Message& request, Message* answer,
                    const CallOptions& options) override {
    if (std::optional<Error> refused = RefuseToSend(request)) return *std::move(refused);
    Reconnect();
    grpc::ClientContext context;
    Prepare(options, &context);
    grpc::ByteBuffer bytes;
    const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
        channel_.get(), RpcOf(method, grpc::internal::RpcMethod::NORMAL_RPC), &context, Encode(request),
        &bytes);
    if (!status.ok()) return EndOf(status, false, address_, options);
    if (!Decode(&bytes, answer)) return BadAnswer(method);
    return Void{};
  }
  std::unique_ptr<MessageStream> Read(const Method& method, const Message& request,
                                      const CallOptions& options) override {
    Reconnect();
    return std::make_unique<GrpcStream>(address_, channel_.get(), method, &request, options);
  }
  std::unique_ptr<MessageStream> Open(const Method& method, const CallOptions& options) override {
    Reconnect();
    return std::make_unique<GrpcStream>(address_, channel_.get(), method, nullptr, options);
  }

 private:
  // A channel gets on with connecting only while somebody waits for it (else gRPC looks every 5 s): does so
  // for a moment when the daemon was lost.
  void Reconnect() {
    constexpr std::chrono::milliseconds kMoment{100};
    const grpc_connectivity_state state = channel_->GetState(false);
    if (state != GRPC_CHANNEL_TRANSIENT_FAILURE && state != GRPC_CHANNEL_CONNECTING) return;
    channel_->WaitForConnected(std::chrono::system_clock::now() + kMoment);
  }

  const std::string address_;
  const std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace

std::shared_ptr<Connection> MakeGrpcConnection(std::string address, const ConnectOptions& options) {
  return std::make_shared<GrpcConnection>(std::move(address), options);
}

}  // namespace covey::client
