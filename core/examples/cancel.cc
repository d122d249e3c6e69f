// Cancel carries its reason to whoever works, and to whoever waits.
#include <cstdio>
#include <string>

#include "covey/run.h"

int main() {
  covey::Group group;
  auto worker = group.Go([](const covey::Context& context) {
    context.Wait();
    std::printf("worker: %s\n", std::string(context.cause().message()).c_str());
  });
  group.Cancel({.message = "not needed any more"});
  std::puts(group.Wait().ToString().c_str());
  return worker.ended() ? 0 : 1;
}
