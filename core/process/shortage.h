#pragma once

#include <errno.h>

#include <cstdint>

namespace covey {

// Why a start that failed may do later.
enum class Shortage : uint8_t {
  kNone,      // it may not
  kOfAll,     // of descriptors, memory or processes: others would fail alike
  kOfItsOwn,  // as of processes for the user that it runs as
};

// Whether a call that failed with `error` failed for want of descriptors, memory, processes or room in a table
// of the kernel.
inline bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == EAGAIN || error == ENOBUFS;
}

}  // namespace covey
