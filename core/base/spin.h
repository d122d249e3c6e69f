#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>

namespace covey {

// Looking again for a short time, before one sleeps: a thread that is woken comes some microseconds later, which is many
// times what a short task takes. On a machine with one processor nobody else can change anything meanwhile, so there is
// nothing to look for.
//
//   for (Spin spin(limit); !there() && spin.Again();) {}
class Spin {
 public:
  explicit Spin(std::chrono::nanoseconds limit) : limit_(limit) {}

  // False when the time is over.
  bool Again() {
    static const bool kAlone = std::thread::hardware_concurrency() == 1;
    if (kAlone) return false;
    if (++rounds_ % kRoundsBetweenLooks != 0) {
      Relax();
      return true;
    }
    const auto now = std::chrono::steady_clock::now();
    if (rounds_ == kRoundsBetweenLooks) {
      end_ = now + limit_;
    } else if (now >= end_) {
      return false;
    }
    // Whoever has what is waited for may be in want of this processor.
    if (rounds_ % (kLooksBetweenYields * kRoundsBetweenLooks) == 0) sched_yield();
    return true;
  }

 private:
  static constexpr unsigned kLooksBetweenYields = 1;
  static constexpr unsigned kRoundsBetweenLooks = 12;

  static void Relax() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::chrono::nanoseconds limit_;
  std::chrono::steady_clock::time_point end_{};
  unsigned rounds_ = 0;
};

// How long it is worth while to look, as the last looks tell: on processors that others use too, what is waited for does
// not come while one looks, and the processor is better left to it.
//
// Thread safety: all of it; what others do at the same time may be lost, which does no harm.
class SpinBudget {
 public:
  explicit constexpr SpinBudget(std::chrono::nanoseconds most) : most_(most.count()), now_(most.count()) {}

  std::chrono::nanoseconds limit() { return std::chrono::nanoseconds(now_.load(std::memory_order_relaxed)); }
  void Note(bool found) {
    const int64_t now = now_.load(std::memory_order_relaxed);
    if (found) {
      if (now < most_) now_.store(std::min(most_, now * 2), std::memory_order_relaxed);
    } else if (misses_.fetch_add(1, std::memory_order_relaxed) % kMissesBetweenTries ==
               kMissesBetweenTries - 1) {
      now_.store(most_, std::memory_order_relaxed);
    } else if (now > kLeast) {
      now_.store(std::max(kLeast, now / 2), std::memory_order_relaxed);
    }
  }

 private:
  static constexpr int64_t kLeast = 4000;  // ns
  static constexpr uint32_t kMissesBetweenTries = 256;

  const int64_t most_;
  std::atomic<int64_t> now_;
  std::atomic<uint32_t> misses_ = 0;
};

}  // namespace covey
