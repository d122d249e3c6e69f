#include "server/edge/message.h"

#include <google/protobuf/message_lite.h>
#include <grpcpp/impl/codegen/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include "core/base/check.h"

namespace covey::edge {

using google::protobuf::MessageLite;

bool Parse(grpc::ByteBuffer& bytes, MessageLite& message) {
  bool parsed = false;
  {
    grpc::ProtoBufferReader reader(&bytes);
    parsed = reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
  }
  bytes.Clear();
  return parsed;
}

size_t Serialize(const MessageLite& message, size_t limit, grpc::ByteBuffer& bytes) {
  const size_t size = message.ByteSizeLong();
  if (size > limit) return size;
  grpc::Slice slice(size);
  auto* const begin = const_cast<uint8_t*>(slice.begin());  // nobody else has it yet
  COVEY_CHECK(message.SerializeWithCachedSizesToArray(begin) == slice.end());
  grpc::ByteBuffer encoded(&slice, 1);
  bytes.Swap(&encoded);
  return size;
}

}  // namespace covey::edge
