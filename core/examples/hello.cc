// Three tasks as one: the shortest program.
#include <cstdio>

#include "covey/run.h"

int main() {
  covey::Group group;
  for (int i = 0; i < 3; ++i) group.Go([] { std::puts("hello"); });
  return group.Wait().ok() ? 0 : 1;
}
