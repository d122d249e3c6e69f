#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>
#include <optional>

namespace covey {

// Sleeping on a word of memory: Linux's futex (Franke, Russell and Kirkwood 2002), without the table of waiters that
// std::atomic's wait has. Both are hints: who sleeps looks at the word again, and who wakes has changed it before.
using FutexWord = std::atomic<uint32_t>;
static_assert(sizeof(FutexWord) == 4 && FutexWord::is_always_lock_free);

// Sleeps while the word is `expected`, until woken or `until`, or for no reason.
inline void FutexWait(const FutexWord& word, uint32_t expected,
                      std::optional<std::chrono::steady_clock::time_point> until = std::nullopt) {
  timespec deadline{};
  if (until) {
    const auto since_boot =
        std::chrono::duration_cast<std::chrono::nanoseconds>(until->time_since_epoch()).count();
    deadline.tv_sec = static_cast<time_t>(since_boot / 1'000'000'000);
    deadline.tv_nsec = static_cast<long>(since_boot % 1'000'000'000);
  }
  ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, until ? &deadline : nullptr,
            nullptr, FUTEX_BITSET_MATCH_ANY);
}

// The word is not read: it may be gone already, and then a stranger wakes for no reason.
inline void FutexWake(const FutexWord* word, int count = INT_MAX) {
  ::syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, nullptr, nullptr, 0);
}

}  // namespace covey
