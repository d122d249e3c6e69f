#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

namespace covey {

// Looking again for a short time, before one sleeps: a thread that is woken comes some microseconds later, which is many
// times what a short task takes. In between it yields: on a machine with one processor nobody
// else can change anything otherwise.
//
//   for (Spin spin(limit); !there() && spin.Again();) {}
class Spin {
 public:
  explicit Spin(std::chrono::nanoseconds limit) : limit_(limit) {}

  void Restart() {
    rounds_ = 0;
    last_ = false;
  }
  // False when the time is over.
  bool Again() {
    if (limit_.count() == 0 || last_) return false;
    static const unsigned kRoundsBetweenLooks = std::thread::hardware_concurrency() == 1 ? 1 : 12;
    if (++rounds_ % kRoundsBetweenLooks != 0) {
      Relax();
      return true;
    }
    const auto now = std::chrono::steady_clock::now();
    if (rounds_ == kRoundsBetweenLooks) {
      end_ = now + limit_;
    } else if (now >= end_) {
      // It may have come while this thread had no processor: one more look.
      return !std::exchange(last_, true);
    }
    // Whoever has what is waited for may be in want of this processor.
    sched_yield();
    return true;
  }

 private:
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
  bool last_ = false;
};

// How long it is worth while to look, as the last looks tell: on processors that others use too, what is waited for does
// not come while one looks, and the processor is better left to it.
//
// Of the threads that would look for the same thing, one does at a time.
//
// Thread safety: all of it; what others do at the same time may be lost, which does no harm.
class SpinBudget {
 public:
  // `one`: see above; otherwise each looks for something of its own.
  explicit constexpr SpinBudget(std::chrono::nanoseconds most, bool one = true)
      : most_(most.count()), one_(one), now_(most.count()) {}

  // How long this thread may look; a Note follows.
  std::chrono::nanoseconds Begin() {
    if (one_ && looking_.fetch_add(1, std::memory_order_relaxed) != 0) return std::chrono::nanoseconds(0);
    return std::chrono::nanoseconds(now_.load(std::memory_order_relaxed));
  }
  void Note(bool found) {
    if (one_ && looking_.fetch_sub(1, std::memory_order_relaxed) != 1) return;  // it has not looked alone
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
  const bool one_;
  std::atomic<int64_t> now_;
  std::atomic<uint32_t> misses_ = 0;
  std::atomic<int> looking_ = 0;
};

}  // namespace covey
