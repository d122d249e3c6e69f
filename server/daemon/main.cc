#include "core/text/standard_descriptors.h"
#include "covey/daemon.h"

namespace {

void ReserveDescriptors() { (void)covey::ReserveStandardDescriptors(); }

// Earlier than the libraries initialise themselves: gRPC's opens a descriptor. What would get the number of a
// missing standard one would have the log written into it.
[[gnu::section(".preinit_array"), gnu::used]] void (*const kBeforeLibraries)() = ReserveDescriptors;

}  // namespace

int main(int argc, char** argv) { return covey::RunDaemon(argc, argv); }
