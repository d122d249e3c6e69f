// A hundred tasks, never more than four at once: of this group, and of a pool that groups share.
#include <algorithm>
#include <atomic>
#include <cstdio>

#include "covey/run.h"

int main() {
  const auto pool = covey::Pool::New(4);
  std::atomic<int> running = 0;
  std::atomic<bool> exceeded = false;
  covey::Group group(covey::On{pool});
  for (int i = 0; i < 100; ++i) {
    group.Go([&] {
      if (++running > 4) exceeded = true;
      --running;
    });
  }
  const bool ok = group.Wait().ok();
  std::puts(ok && !exceeded ? "never more than 4" : "too many");
}
