#pragma once

#include <sys/resource.h>

#include <cstddef>
#include <string>
#include <vector>

#include "core/engine/pool_table.h"
#include "covey/status.h"

// How the descriptors of the daemon are shared: some are kept from connections, so that a flood of them leaves
// tasks, journal and output some; processes may take what is left below that, less a few connections, so that
// the daemon can be talked to however much runs.
namespace covey::open_files {

// Takes all that the daemon may: gRPC's listener dies for good when files run out (CVE-2023-4785).
Status Raise();
rlim_t Limit();
size_t OpenNow();

// ServerOptions::reserved_files.
int KeptFromConnections(rlim_t limit);
// How many processes may run at once, with `open` descriptors taken by everything else; 0: not even one.
size_t ProcessesAtOnce(rlim_t limit, size_t open);

// Why a daemon with this limit can do nothing.
std::string TooFew(rlim_t limit, size_t open);
// Slots of the pools that this limit has no processes for; empty: there are none.
std::string FewerThanSlots(rlim_t limit, size_t processes, const std::vector<PoolConfig>& pools);

}  // namespace covey::open_files
