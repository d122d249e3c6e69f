#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/connection.h"

namespace covey::client {

// `status` as an Error that says what to do when the daemon at `address` is out of reach or was lost.
// Requires !status.ok().
Error ExplainGrpc(const grpc::Status& status, const std::string& address);

// Sets the deadline of a call that starts now.
void Prepare(const CallOptions& options, grpc::ClientContext* context);

// The parts that the three kinds of streamed calls share. Invariants: the call is finished at most once, and
// always before its context goes.
class GrpcCall {
 public:
  explicit GrpcCall(std::string address) : address_(std::move(address)) {}

  grpc::ClientContext* context() { return &context_; }
  void Cancel() { context_.TryCancel(); }
  bool finished() const { return end_.has_value(); }

  Result<Void> End(const grpc::Status& status) {
    end_ = status.ok() ? Result<Void>(Void{}) : Result<Void>(ExplainGrpc(status, address_));
    return *end_;
  }
  const Result<Void>& end() const { return *end_; }

 private:
  const std::string address_;
  grpc::ClientContext context_;
  std::optional<Result<Void>> end_;
};

// A stream from the daemon. See Stream for the contract.
template <typename In>
class GrpcReader final : public Stream<In> {
 public:
  // `start(context)` starts the call.
  template <typename Start>
  GrpcReader(std::string address, const CallOptions& options, Start start) : call_(std::move(address)) {
    Prepare(options, call_.context());
    reader_ = start(call_.context());
  }
  ~GrpcReader() override {
    if (call_.finished()) return;
    call_.Cancel();
    (void)Finish();
  }

  bool Next(In* message) override { return reader_->Read(message); }
  void Cancel() override { call_.Cancel(); }
  Result<Void> Finish() override {
    if (call_.finished()) return call_.end();
    // The status comes after the messages: unread ones would hold it back.
    for (In dropped; reader_->Read(&dropped);) {
    }
    return call_.End(reader_->Finish());
  }

 private:
  GrpcCall call_;
  std::unique_ptr<grpc::ClientReader<In>> reader_;
};

// Streams both ways. See Duplex for the contract.
template <typename Out, typename In>
class GrpcDuplex final : public Duplex<Out, In> {
 public:
  template <typename Start>
  GrpcDuplex(std::string address, const CallOptions& options, Start start) : call_(std::move(address)) {
    Prepare(options, call_.context());
    stream_ = start(call_.context());
  }
  ~GrpcDuplex() override {
    if (call_.finished()) return;
    call_.Cancel();
    (void)Finish();
  }

  bool Next(In* message) override { return stream_->Read(message); }
  bool Write(const Out& message) override { return stream_->Write(message); }
  bool HalfClose() override { return stream_->WritesDone(); }
  void Cancel() override { call_.Cancel(); }
  Result<Void> Finish() override {
    if (call_.finished()) return call_.end();
    for (In dropped; stream_->Read(&dropped);) {
    }
    return call_.End(stream_->Finish());
  }

 private:
  GrpcCall call_;
  std::unique_ptr<grpc::ClientReaderWriter<Out, In>> stream_;
};

// A stream to the daemon. See Upload for the contract.
template <typename Out, typename In>
class GrpcUpload final : public Upload<Out, In> {
 public:
  // `start(context, answer)` starts the call.
  template <typename Start>
  GrpcUpload(std::string address, const CallOptions& options, Start start) : call_(std::move(address)) {
    Prepare(options, call_.context());
    writer_ = start(call_.context(), &answer_);
  }
  ~GrpcUpload() override {
    if (call_.finished()) return;
    call_.Cancel();
    (void)call_.End(writer_->Finish());
  }

  bool Write(const Out& message) override { return writer_->Write(message); }
  void Cancel() override { call_.Cancel(); }
  Result<In> Finish() override {
    writer_->WritesDone();
    const Result<Void> end = call_.End(writer_->Finish());
    if (!end.ok()) return end.error();
    return std::move(answer_);
  }

 private:
  GrpcCall call_;
  In answer_;
  std::unique_ptr<grpc::ClientWriter<Out>> writer_;
};

}  // namespace covey::client
