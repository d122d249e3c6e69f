#pragma once

#include <coroutine>
#include <optional>
#include <string_view>

#include "server/edge/call.h"

// The four shapes of calls as their handlers see them: views of a Call that know the types of its messages. A
// view holds the one request or response of a call that has one, and lives as long as the call's handler.
// Whoever makes it calls ParseRequest before the handler and, when that went well, SetLast(response()) behind
// it.
//
// Messages are written from named variables (rvalues do not compile): they must live until the write is over.
namespace covey::edge {

// What all four have.
class TypedCall {
 public:
  explicit TypedCall(Call& call) : call_(call) {}
  TypedCall(const TypedCall&) = delete;
  TypedCall& operator=(const TypedCall&) = delete;

  Call& raw() { return call_; }
  bool cancelled() const { return call_.cancelled(); }
  bool stopping() const { return call_.stopping(); }
  Error EndError() const { return call_.EndError(); }
  grpc::Status EndStatus() const { return call_.EndStatus(); }
  std::optional<Call::Clock::time_point> deadline() const { return call_.deadline(); }
  std::optional<std::string_view> metadata(std::string_view key) const { return call_.metadata(key); }
  SleepAwaiter Sleep(Call::Clock::duration duration) const { return call_.Sleep(duration); }

 protected:
  ~TypedCall() = default;

 private:
  Call& call_;
};

template <class Request>
class [[nodiscard]] ReadAwaiter {
 public:
  explicit ReadAwaiter(Call& call) : call_(call), reading_(call.Read()) {}
  bool await_ready() const noexcept { return reading_.await_ready(); }
  bool await_suspend(std::coroutine_handle<> handle) { return reading_.await_suspend(handle); }
  std::optional<Request> await_resume() const {
    std::optional<Request> message;
    if (!reading_.await_resume()) return message;
    grpc::ByteBuffer bytes;
    call_.Take(bytes);
    message.emplace();
    if (!call_.Parse(bytes, *message)) message.reset();
    return message;
  }

 private:
  Call& call_;
  Reader::Awaiter reading_;
};

// One request.
template <class RequestType>
class WithRequest : public TypedCall {
 public:
  using Request = RequestType;
  using TypedCall::TypedCall;

  // False: it is no Request, and EndError says so.
  bool ParseRequest() { return raw().Parse(raw().request(), request_); }
  const Request& request() const { return request_; }
  // For handlers that move parts out of it.
  Request& mutable_request() { return request_; }

 private:
  Request request_;
};

// Many requests.
template <class RequestType>
class WithRequests : public TypedCall {
 public:
  using Request = RequestType;
  using TypedCall::TypedCall;

  // std::optional<Request> message = co_await call.Read(): nullopt when no more will come. Then half_closed()
  // tells whether the client has sent everything; if not, EndError() tells why: the call is over, the server
  // is stopping, or the message is no Request.
  ReadAwaiter<Request> Read() { return ReadAwaiter<Request>(raw()); }
  bool half_closed() { return raw().half_closed(); }
};

// One response, besides the requests of `Base`. It goes out when the handler returns OK, else the status
// alone.
template <class Base, class ResponseType>
class WithResponse : public Base {
 public:
  using Response = ResponseType;
  using Base::Base;

  Response& response() { return response_; }

 private:
  Response response_;
};

// Many responses, besides the requests of `Base`.
template <class Base, class ResponseType>
class WithResponses : public Base {
 public:
  using Response = ResponseType;
  using Base::Base;

  // co_await call.Write(message): false when the call is over; then return.
  Writer::Awaiter Write(const Response& message, Flush flush = Flush::kNow) {
    return this->raw().Write(message, flush);
  }
  void Write(Response&& message, Flush flush = Flush::kNow) = delete;
  // co_await call.SendHeaders(): tells the client that the stream stands before there is a message. At most
  // once, before the first message.
  Writer::Awaiter SendHeaders() { return this->raw().SendHeaders(); }
  // A last message that goes out together with the status that the handler returns.
  // False: it is too large.
  bool WriteLast(const Response& message) { return this->raw().SetLast(message); }
};

template <class Request, class Response>
class Unary final : public WithResponse<WithRequest<Request>, Response> {
 public:
  static constexpr Shape kShape = Shape::kUnary;
  using WithResponse<WithRequest<Request>, Response>::WithResponse;
};

template <class Request, class Response>
class ServerStream final : public WithResponses<WithRequest<Request>, Response> {
 public:
  static constexpr Shape kShape = Shape::kServerStream;
  using WithResponses<WithRequest<Request>, Response>::WithResponses;
};

template <class Request, class Response>
class ClientStream final : public WithResponse<WithRequests<Request>, Response> {
 public:
  static constexpr Shape kShape = Shape::kClientStream;
  using WithResponse<WithRequests<Request>, Response>::WithResponse;
};

// Reads and writes are independent of each other: a Child may read while its handler writes.
template <class Request, class Response>
class BidiStream final : public WithResponses<WithRequests<Request>, Response> {
 public:
  static constexpr Shape kShape = Shape::kBidi;
  using WithResponses<WithRequests<Request>, Response>::WithResponses;
};

}  // namespace covey::edge
