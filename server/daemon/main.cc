#include <malloc.h>

#include "core/text/standard_descriptors.h"
#include "covey/daemon.h"

namespace {

void ReserveDescriptors() { (void)covey::ReserveStandardDescriptors(); }

// Earlier than the libraries initialise themselves: gRPC's opens a descriptor. What would get the number of a
// missing standard one would have the log written into it.
[[gnu::section(".preinit_array"), gnu::used]] void (*const kBeforeLibraries)() = ReserveDescriptors;

// Payloads, results and messages go back to the system when they are freed. By itself malloc keeps what is as
// large as anything it has seen freed, up to 32 MiB, in a heap for each thread.
void GiveLargeMemoryBack() {
  constexpr int kLarge = 128 << 10;
  (void)mallopt(M_MMAP_THRESHOLD, kLarge);
  (void)mallopt(M_TRIM_THRESHOLD, 8 * kLarge);
  (void)mallopt(M_ARENA_MAX, 4);
}

}  // namespace

int main(int argc, char** argv) {
  GiveLargeMemoryBack();
  return covey::RunDaemon(argc, argv);
}
