#pragma once

#include <optional>

#include "covey/result.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace covey::client {

// Why a message must not be sent: one of its strings is not UTF-8, as the name of a file may be. Protobuf sends
// it all the same, and its receiver can read nothing of the message. kInvalidArgument, reason BAD_REQUEST, as
// the daemon refuses other bad fields: names the first bad one, as in "tasks[2].process.argv[1]".
std::optional<Error> RefuseToSend(const google::protobuf::Message& message);

}  // namespace covey::client
