#pragma once

#include "covey/client/connection.h"

namespace covey::client {

// The unary call as a value.
template <typename Response>
Result<Response> Ask(Connection& connection, const methods::Method& method,
                     const google::protobuf::Message& request, const CallOptions& options) {
  Response answer;
  const Result<Void> end = connection.Call(method, request, &answer, options);
  if (!end.ok()) return end.error();
  return answer;
}

}  // namespace covey::client
