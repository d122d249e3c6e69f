#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "covey/output_stream.h"

namespace covey {

// One stream of one attempt in a group.
struct StreamKey {
  uint32_t task = 0;
  uint32_t attempt = 0;
  OutputStream stream = OutputStream::kStdout;
  bool operator==(const StreamKey&) const = default;
  bool operator<(const StreamKey& other) const {
    return std::tie(task, attempt, stream) < std::tie(other.task, other.attempt, other.stream);
  }
};

// How far the output of a group was sent: of what has exited up to event `after` all of it, of the other streams
// up to an offset. Grows with what runs, not with what has run.
struct OutputPosition {
  struct Sent {
    uint64_t offset = 0;
    bool end = false;
    bool operator==(const Sent&) const = default;
  };

  uint64_t after = 0;
  std::map<StreamKey, Sent> sent;

  // Opaque bytes. Decode answers nothing for bytes that no Encode has made.
  std::string Encode() const;
  static std::optional<OutputPosition> Decode(std::string_view bytes);

  bool operator==(const OutputPosition&) const = default;
};

}  // namespace covey
