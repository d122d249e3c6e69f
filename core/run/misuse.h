#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace covey {

// Whether what would wait for ever is looked for also where that costs something: with COVEY_CHECK_DEADLOCK=1 in the
// environment, and without NDEBUG.
inline bool ChecksDeadlocks() {
  static const bool kChecks = [] {
    const char* const wanted = std::getenv("COVEY_CHECK_DEADLOCK");
    if (wanted != nullptr) return std::strcmp(wanted, "0") != 0;
#if defined(NDEBUG)
    return false;
#else
    return true;
#endif
  }();
  return kChecks;
}

// What cannot be answered by a failure, because there is nobody to answer to.
[[noreturn]] inline void EndForMisuse(const char* what) {
  std::fprintf(stderr, "covey: %s\n", what);
  std::abort();
}

}  // namespace covey
