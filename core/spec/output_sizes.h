#pragma once

#include <cstdint>

#include "covey/output_stream.h"

namespace covey {

// Bytes that an attempt wrote to its streams, and how many of them were not kept.
struct OutputSizes {
  uint64_t standard_output = 0;
  uint64_t standard_error = 0;
  uint64_t standard_output_lost = 0;
  uint64_t standard_error_lost = 0;

  bool operator==(const OutputSizes&) const = default;
};

inline uint64_t KeptBytes(const OutputSizes& sizes) {
  return sizes.standard_output - sizes.standard_output_lost + sizes.standard_error -
         sizes.standard_error_lost;
}

inline uint64_t SizeOf(const OutputSizes& sizes, OutputStream stream) {
  return stream == OutputStream::kStderr ? sizes.standard_error : sizes.standard_output;
}

}  // namespace covey
