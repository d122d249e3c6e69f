// Work beside what makes it needless: whatever ends first is the outcome.
#include <chrono>
#include <cstdio>

#include "covey/run.h"

int main() {
  const covey::Status status = covey::Race([](const covey::Context& context) { context.Wait(); },
                                           [](const covey::Context& context) {
                                             context.WaitFor(std::chrono::milliseconds(10));
                                             return covey::Status::Error("nobody needs it any more");
                                           });
  std::puts(status.ToString().c_str());
}
