#pragma once

#include <memory>

#include "covey/client/options.h"
#include "covey/client/stream.h"
#include "covey/methods.h"
#include "covey/result.h"

namespace covey::client {

// Makes calls of the contract: what Client stands on and what tests put in its place. The messages must be of
// the types that the method has there. May be called by several threads at once. Never throws; every failure
// is an Error.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  // A unary call. `answer` is valid when the call succeeded.
  virtual Result<Void> Call(const methods::Method& method, const google::protobuf::Message& request,
                            google::protobuf::Message* answer, const CallOptions& options) = 0;
  // A call with one request and many answers.
  virtual std::unique_ptr<MessageStream> Read(const methods::Method& method,
                                              const google::protobuf::Message& request,
                                              const CallOptions& options) = 0;
  // A call with many requests, and one or many answers.
  virtual std::unique_ptr<MessageStream> Open(const methods::Method& method, const CallOptions& options) = 0;
};

}  // namespace covey::client
