// One group for one batch after the other.
#include <atomic>
#include <cstdio>

#include "covey/run.h"

int main() {
  std::atomic<int> done = 0;
  covey::Group group;
  for (int batch = 0; batch < 3; ++batch) {
    if (batch > 0 && !group.Reopen()) return 1;
    for (int i = 0; i < 10; ++i) group.Go([&] { ++done; });
    if (!group.Wait().ok()) return 1;
    std::printf("%d\n", done.load());
  }
}
