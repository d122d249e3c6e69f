#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>

namespace google::protobuf {
class MessageLite;
}

// Messages as gRPC carries them: bytes in slices that may be shared.
namespace covey::edge {

// False when the bytes are no message of this type; then its content is unspecified. The bytes are used up.
bool Parse(grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

// Gives `bytes` the encoded message and returns its size. When that is more than `limit` nothing is encoded.
size_t Serialize(const google::protobuf::MessageLite& message, size_t limit, grpc::ByteBuffer& bytes);

}  // namespace covey::edge
