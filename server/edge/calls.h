#pragma once

#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>

#include <optional>
#include <utility>

#include "server/edge/call.h"
#include "server/edge/reader.h"
#include "server/edge/writer.h"

// The four kinds of calls as their handlers see them. Messages are written from named variables (rvalues do
// not compile): they must live until the write is over.
namespace covey::edge {

// One request, one response. The response is sent when the handler returns OK, else the status alone.
template <class Request, class Response>
class Unary : public Call {
 public:
  const Request& request() const { return request_; }
  // For handlers that move parts out of it.
  Request& mutable_request() { return request_; }
  Response& response() { return response_; }

 protected:
  using Stream = grpc::ServerAsyncResponseWriter<Response>;

  Unary(Queue& queue, std::string_view name) : Call(queue, name), stream_(&context()) {}

  void StartFinish(const grpc::Status& status) final {
    if (status.ok()) {
      stream_.Finish(response_, status, finish_tag());
    } else {
      stream_.FinishWithError(status, finish_tag());
    }
  }
  Stream& stream() { return stream_; }

 private:
  Request request_;
  Response response_;
  Stream stream_;
};

// One request, many responses.
template <class Request, class Response>
class ServerStream : public Call {
 public:
  const Request& request() const { return request_; }
  Request& mutable_request() { return request_; }

  // co_await call.Write(message): false when the call is over; then return.
  auto Write(const Response& message, Flush flush = Flush::kNow) { return writer_.Write(&message, flush); }
  void Write(Response&& message, Flush flush = Flush::kNow) = delete;
  // co_await call.SendHeaders(): tells the client that the stream stands before there is a message. At most
  // once, before the first message.
  auto SendHeaders() { return writer_.Write(nullptr, Flush::kNow); }
  // A last message that goes out together with the status that the handler returns.
  void WriteLast(Response message) { last_ = std::move(message); }

 protected:
  using Stream = grpc::ServerAsyncWriter<Response>;

  ServerStream(Queue& queue, std::string_view name)
      : Call(queue, name), stream_(&context()), writer_(*this, stream_) {}

  bool ReadyToFinish() const final { return !writer_.in_flight(); }
  void StartFinish(const grpc::Status& status) final {
    if (last_) {
      stream_.WriteAndFinish(*last_, grpc::WriteOptions(), status, finish_tag());
    } else {
      stream_.Finish(status, finish_tag());
    }
  }
  Stream& stream() { return stream_; }

 private:
  Request request_;
  std::optional<Response> last_;
  Stream stream_;
  Writer<Stream, Response> writer_;
};

// Many requests, one response. The response is sent when the handler returns OK.
template <class Request, class Response>
class ClientStream : public Call {
 public:
  Response& response() { return response_; }

  // std::optional<Request> message = co_await call.Read(): nullopt when no more will come. Then half_closed()
  // tells whether the client has sent everything; if not, return EndStatus().
  auto Read() { return reader_.Read(); }
  bool half_closed() const { return reader_.half_closed(); }

 protected:
  using Stream = grpc::ServerAsyncReader<Response, Request>;

  ClientStream(Queue& queue, std::string_view name)
      : Call(queue, name), stream_(&context()), reader_(*this, stream_) {}

  void StartFinish(const grpc::Status& status) final {
    if (status.ok()) {
      stream_.Finish(response_, status, finish_tag());
    } else {
      stream_.FinishWithError(status, finish_tag());
    }
  }
  Stream& stream() { return stream_; }

 private:
  Response response_;
  Stream stream_;
  Reader<Stream, Request> reader_;
};

// Many requests, many responses, independent of each other: a Child may read while its handler writes.
template <class Request, class Response>
class BidiStream : public Call {
 public:
  auto Read() { return reader_.Read(); }
  bool half_closed() const { return reader_.half_closed(); }

  auto Write(const Response& message, Flush flush = Flush::kNow) { return writer_.Write(&message, flush); }
  void Write(Response&& message, Flush flush = Flush::kNow) = delete;
  auto SendHeaders() { return writer_.Write(nullptr, Flush::kNow); }
  void WriteLast(Response message) { last_ = std::move(message); }

 protected:
  using Stream = grpc::ServerAsyncReaderWriter<Response, Request>;

  BidiStream(Queue& queue, std::string_view name)
      : Call(queue, name), stream_(&context()), reader_(*this, stream_), writer_(*this, stream_) {}

  bool ReadyToFinish() const final { return !writer_.in_flight(); }
  void StartFinish(const grpc::Status& status) final {
    if (last_) {
      stream_.WriteAndFinish(*last_, grpc::WriteOptions(), status, finish_tag());
    } else {
      stream_.Finish(status, finish_tag());
    }
  }
  Stream& stream() { return stream_; }

 private:
  std::optional<Response> last_;
  Stream stream_;
  Reader<Stream, Request> reader_;
  Writer<Stream, Response> writer_;
};

}  // namespace covey::edge
