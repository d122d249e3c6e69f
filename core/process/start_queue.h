#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "core/process/spawner.h"
#include "core/process/supervised.h"

namespace covey {

// What waits for a spawning thread, first come, first served, so many at once at most. One that could not be
// started for want of descriptors, memory or processes is put back: where all would fail alike the whole queue
// pauses, else that one alone. Pauses grow from 10 ms to 1 s, and end when something is started, or has ended and
// so given back what it had.
//
// Thread safety: none; guarded by the mutex of the supervisor.
class StartQueue {
 public:
  using Clock = std::chrono::steady_clock;

  // `most`: how many may be taken and not ended; 0: any number.
  explicit StartQueue(size_t most) : most_(most) {}

  void Push(std::shared_ptr<Supervised> process);
  // Takes the next one that may be started at `now`; null: there is none. Leaves out what is cancelled.
  std::shared_ptr<Supervised> Pop(Clock::time_point now);
  // When Pop may have one, if nothing is pushed; nothing: then alone.
  std::optional<Clock::time_point> NextDue() const;

  // In place of its start. `shortage`: not kNone. True: that is news, which comes once until Started says that it is
  // over, and at most every ten seconds.
  bool PutBack(std::shared_ptr<Supervised> process, Shortage shortage, Clock::time_point now);
  // True: that is news, as the last of those that waited has been started.
  bool Started();
  // One that was taken, and not put back, has ended.
  void Ended();

 private:
  std::shared_ptr<Supervised> PopLater(Clock::time_point now);
  std::shared_ptr<Supervised> PopQueue(Clock::time_point now);
  bool full() const { return most_ > 0 && taken_ >= most_; }

  const size_t most_;
  size_t taken_ = 0;
  std::deque<std::shared_ptr<Supervised>> queue_;
  std::multimap<Clock::time_point, std::shared_ptr<Supervised>> later_;  // each for a reason of its own
  Clock::time_point resume_at_ = Clock::time_point::min();
  std::chrono::milliseconds pause_{0};  // 0: the last start did not fail for a shortage of all
  bool told_ = false;                   // that the queue pauses
  Clock::time_point tell_at_ = Clock::time_point::min();
};

}  // namespace covey
