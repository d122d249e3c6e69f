#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/journal/record.h"

namespace covey {

// One event as StreamEventsResponse carries it: the key of `events`, the length and the encoded Event.
std::string EncodeEvent(std::string_view group, const Record& record);

// A StreamEventsResponse put together from encoded events, which all readers of a group share: nothing is
// converted or encoded a second time.
//
// Thread safety: none. The pieces must live until Take.
class EventMessage {
 public:
  void Add(const std::string& piece) {
    pieces_.push_back(piece);
    bytes_ += piece.size();
  }
  void SetThrough(uint64_t number) { through_ = number; }

  // Nothing was added since, and nothing is known to have been filtered out.
  bool empty() const { return through_ == 0; }
  // Bytes of the events so far.
  size_t bytes() const { return bytes_; }
  // The message; what was added is forgotten.
  grpc::ByteBuffer Take();

 private:
  std::vector<std::string_view> pieces_;
  size_t bytes_ = 0;
  uint64_t through_ = 0;
};

}  // namespace covey
