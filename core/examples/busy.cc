// A server that would rather say no than wait: TryGo takes what a slot is free for.
#include <cstdio>

#include "covey/run.h"

int main() {
  const covey::Context go_on = covey::Context::Background().WithCancel();
  covey::Group group(covey::On{covey::Pool::New(2)});
  int refused = 0;
  for (int i = 0; i < 5; ++i) {
    if (!group.TryGo([&] { go_on.Wait(); }).ok()) ++refused;
  }
  go_on.Cancel();
  std::printf("%d of 5 refused, the others: %s\n", refused, group.Wait().ToString().c_str());
}
