#pragma once

#include <cstdint>

#include "server/edge/queue.h"

namespace covey::edge {

// Keeps this process listening when descriptors run out. gRPC 1.51 gives a listener up for good after any
// error of accept4 other than EINTR, EAGAIN and ECONNABORTED (CVE-2023-4785), so a flood of connections would
// silence the server until its restart. It has no bound on connections either.
//
// Linking this defines accept4 for the whole process, gRPC's included. From GuardAccept on
// - a connection whose descriptor would be `bound` or higher is closed at once. Descriptors are given out
// from below,
//   so this leaves the rest of the process what lies between `bound` and RLIMIT_NOFILE;
// - with no descriptor left at all, waiting connections are taken with one kept in reserve, and closed; when
//   another thread has got that one, or memory ran out, by a thread that looks again until it can;
// - a network error of one connection is no error of the listener.
// Clients see a reset and come again. Before GuardAccept it is plain accept4.
//
// The first one that is closed, and then one a minute at most, is told to `log`, from any thread.
//
// Thread safety: any thread. A later call replaces the bound and the log.
void GuardAccept(int bound, LogFunction log = {});

// How many connections were closed that way since the process began.
uint64_t DroppedConnections();

}  // namespace covey::edge
