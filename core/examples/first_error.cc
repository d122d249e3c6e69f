// The first failure cancels the rest, and is what Wait returns, with the name of its task.
#include <cstdio>

#include "covey/run.h"

int main() {
  covey::Group group;
  group.Go([](const covey::Context& context) { context.Wait(); }, "patient");
  group.Go([] { return covey::Status::Error("disk full", 28); }, "writer");
  std::puts(group.Wait().ToString().c_str());
}
