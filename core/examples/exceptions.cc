// An exception is a failure too. With Recover::kRethrow Wait throws it on.
#include <cstdio>
#include <stdexcept>
#include <string>

#include "covey/run.h"

int main() {
  covey::Group group;
  group.Go([] { static_cast<void>(std::stoi("seven")); }, "parse");
  std::puts(group.Wait().ToString().c_str());

  covey::Group throwing(covey::Recover::kRethrow);
  throwing.Go([] { throw std::out_of_range("row 7 of 5"); });
  try {
    static_cast<void>(throwing.Wait());
  } catch (const std::out_of_range& error) {
    std::printf("caught: %s\n", error.what());
  }
}
