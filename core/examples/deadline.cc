// A group that must be done in time: its tasks are told when it is over, and Wait says why.
#include <chrono>
#include <cstdio>

#include "covey/run.h"

int main() {
  using namespace std::chrono_literals;
  covey::Group group(covey::Within{20ms});
  group.Go([](const covey::Context& context) { context.Wait(); });
  std::puts(group.Wait().ToString().c_str());
}
