#pragma once

#include <cstdint>
#include <string>

namespace covey {

// What was found out about one thing.
struct Finding {
  // The numbers are those of covey.v1.FindingLevel.
  enum class Level : uint8_t {
    kOk = 1,
    kNote = 2,     // nothing is wrong, but somebody may not know it
    kWarning = 3,  // it works, and will not always
    kError = 4,    // it does not work, or work is lost
  };

  Level level = Level::kOk;
  std::string check;    // what was looked at, one word of a closed set
  std::string message;  // how it is, with its figures
  std::string advice;   // what to do; empty for kOk
};

}  // namespace covey
