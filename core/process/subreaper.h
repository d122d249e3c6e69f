#pragma once

#include <sys/prctl.h>

namespace covey {

// Is this program the new parent of orphans below it (prctl(2))?
inline bool IsSubreaper() {
  int value = 0;
  return ::prctl(PR_GET_CHILD_SUBREAPER, &value) == 0 && value != 0;
}

// False, with errno set: refused.
inline bool SetSubreaper(bool on) { return ::prctl(PR_SET_CHILD_SUBREAPER, on ? 1 : 0) == 0; }

}  // namespace covey
