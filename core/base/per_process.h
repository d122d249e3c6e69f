#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>

namespace covey {

// Counts the forks that led to this process, from the first use on.
inline uint32_t ForksSeen() {
  static std::atomic<uint32_t> forks = 0;
  static const int kWatches = ::pthread_atfork(nullptr, nullptr, [] { forks.fetch_add(1); });
  static_cast<void>(kWatches);
  return forks.load(std::memory_order_relaxed);
}

// Something that a process has one of, and that has threads: a forked child, which has none of them, gets its own when it
// asks. It is made at first use and never destroyed, so that destructors of statics may use it.
template <typename T>
class PerProcess {
 public:
  template <typename Make>
  T& Get(const Make& make) {
    const uint32_t forks = ForksSeen();
    Made* made = made_.load(std::memory_order_acquire);
    if (made != nullptr && made->forks == forks) [[likely]]
      return made->value;
    auto* const fresh = new Made{forks, make()};
    if (made_.compare_exchange_strong(made, fresh, std::memory_order_acq_rel)) return fresh->value;
    delete fresh;  // another thread was quicker
    return made->value;
  }

 private:
  struct Made {
    uint32_t forks;
    T value;
  };
  std::atomic<Made*> made_ = nullptr;
};

}  // namespace covey
