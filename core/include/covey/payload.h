#pragma once

#include <string>

namespace covey {

// Bytes with a media type; `is_text` tells UTF-8 text from any bytes.
struct Payload {
  std::string bytes;
  std::string content_type;
  bool is_text = true;
};

}  // namespace covey
