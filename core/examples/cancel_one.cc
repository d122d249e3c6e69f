// A handle ends its task alone. With kAllSettled the others go on.
#include <cstdio>

#include "covey/run.h"

int main() {
  covey::Group group(covey::Policy::kAllSettled);
  auto slow = group.Go([](const covey::Context& context) { context.Wait(); }, "slow");
  auto quick = group.Go([] { return 7; }, "quick");
  std::printf("quick: %d\n", quick.value());
  slow.Cancel({.message = "we have what we need"});
  std::printf("%s\n", group.Wait().ToString().c_str());
}
