#pragma once

#include <cstdio>
#include <cstdlib>

// COVEY_CHECK(condition): a broken invariant of covey itself ends the program, with the place. What comes
// from outside (input, files, peers) is never checked this way: that is a Status.
#define COVEY_CHECK(condition)                                                               \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: invariant broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
