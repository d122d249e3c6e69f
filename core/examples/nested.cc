// A task that has tasks: the inner group ends with the outer one, and its failure names the whole way.
#include <cstdio>

#include "covey/run.h"

int main() {
  covey::Group outer;
  outer.Go(
      [](const covey::Context& context) {
        covey::Group inner(covey::Under{context});
        inner.Go([] { return covey::Status::Error("no such column"); }, "query");
        return inner.Wait();
      },
      "report");
  std::puts(outer.Wait().ToString().c_str());
}
