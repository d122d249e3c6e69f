// Tasks that give back values, of any type, through their handles.
#include <cstdio>
#include <string>

#include "covey/run.h"

int main() {
  covey::Group group;
  auto user = group.Go([] { return std::string("ada"); });
  auto visits = group.Go([] { return 42; });
  if (const covey::Status status = group.Wait(); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.ToString().c_str());
    return 1;
  }
  std::printf("%s: %d visits\n", user.value().c_str(), visits.value());
}
