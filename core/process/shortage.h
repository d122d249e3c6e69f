#pragma once

#include <errno.h>

namespace covey {

// Whether a call that failed with `error` failed for want of descriptors, memory, processes or room in a table
// of the kernel: later it may do.
inline bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == EAGAIN || error == ENOBUFS;
}

}  // namespace covey
