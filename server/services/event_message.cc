#include "server/services/event_message.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>
#include <string.h>

#include "core/base/check.h"
#include "covey/v1/event_service.pb.h"
#include "server/convert/convert.h"

namespace covey {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr uint32_t kEventsKey = WireFormatLite::MakeTag(v1::StreamEventsResponse::kEventsFieldNumber,
                                                        WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
constexpr uint32_t kThroughKey =
    WireFormatLite::MakeTag(v1::StreamEventsResponse::kThroughFieldNumber, WireFormatLite::WIRETYPE_VARINT);

}  // namespace

std::string EncodeEvent(std::string_view group, const Record& record) {
  v1::Event event;
  ToProto(group, record, &event);
  const size_t size = event.ByteSizeLong();
  const auto length = static_cast<uint32_t>(size);  // bounded by what a record may hold
  std::string piece(
      CodedOutputStream::VarintSize32(kEventsKey) + CodedOutputStream::VarintSize32(length) + size, '\0');
  auto* at = reinterpret_cast<uint8_t*>(piece.data());
  at = CodedOutputStream::WriteVarint32ToArray(kEventsKey, at);
  at = CodedOutputStream::WriteVarint32ToArray(length, at);
  at = event.SerializeWithCachedSizesToArray(at);
  COVEY_CHECK(at == reinterpret_cast<uint8_t*>(piece.data()) + piece.size());
  return piece;
}

grpc::ByteBuffer EventMessage::Take() {
  size_t size = bytes_;
  if (through_ != 0)
    size += CodedOutputStream::VarintSize32(kThroughKey) + CodedOutputStream::VarintSize64(through_);
  grpc::Slice slice(size);
  auto* at = const_cast<uint8_t*>(slice.begin());  // nobody else has it yet
  for (const std::string_view piece : pieces_) {
    memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
  if (through_ != 0) {
    at = CodedOutputStream::WriteVarint32ToArray(kThroughKey, at);
    at = CodedOutputStream::WriteVarint64ToArray(through_, at);
  }
  COVEY_CHECK(at == slice.end());
  pieces_.clear();
  bytes_ = 0;
  through_ = 0;
  return {&slice, 1};
}

}  // namespace covey
