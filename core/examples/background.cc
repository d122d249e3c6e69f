// A loop in the background as a member: it ends with its owner, and not before.
#include <atomic>
#include <chrono>
#include <cstdio>

#include "covey/run.h"

class Meter {
 public:
  ~Meter() { static_cast<void>(loop_.Close()); }
  int ticks() const { return ticks_; }
  bool WaitForTicks() const { return enough_.WaitFor(std::chrono::seconds(20)); }

 private:
  void Loop(const covey::Context& context) {
    while (!context.WaitFor(std::chrono::milliseconds(1))) {
      if (++ticks_ == 3) enough_.Cancel();
    }
  }

  std::atomic<int> ticks_ = 0;
  const covey::Context enough_ = covey::Context::Background().WithCancel();
  covey::Closer loop_{[this](const covey::Context& context) { Loop(context); }};
};

int main() {
  const Meter meter;
  if (!meter.WaitForTicks()) return 1;
  std::puts(meter.ticks() >= 3 ? "it ticks" : "it does not");
}
