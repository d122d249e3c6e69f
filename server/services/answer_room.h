#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>

#include "core/base/mutex.h"
#include "core/run/budget.h"
#include "server/services/dispatcher.h"

namespace covey {

// Room for the messages of streams that are on their way to readers. A reader that takes nothing holds the room of
// one message, so that many of them may hold all of it: then the one that has taken nothing for longest, and for
// as long as the patience, is cancelled. It can resume where it was.
//
// Thread safety: all of it.
class AnswerRoom {
 public:
  using Clock = std::chrono::steady_clock;

  AnswerRoom(size_t bytes, std::chrono::nanoseconds patience,
             std::function<void(const std::string& line)> warn)
      : budget_(Budget::New("messages of streams", {.bytes = bytes})),
        patience_(patience),
        warn_(std::move(warn)) {}
  AnswerRoom(const AnswerRoom&) = delete;
  AnswerRoom& operator=(const AnswerRoom&) = delete;

  const std::shared_ptr<Budget>& budget() const { return budget_; }

  // While it lives a message is being written to the client of a call.
  class [[nodiscard]] Writing {
   public:
    // `room` null: nobody is bounded.
    Writing(AnswerRoom* room, edge::Call& call);
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    ~Writing();

   private:
    AnswerRoom* const room_;
    uint64_t id_ = 0;
  };

  // Cancels the call that has been writing for longest, if that is longer than the patience.
  void CancelSlowest() COVEY_EXCLUDES(mutex_);

 private:
  struct Entry {
    Clock::time_point since;
    edge::Call* call;
  };

  const std::shared_ptr<Budget> budget_;
  const std::chrono::nanoseconds patience_;
  const std::function<void(const std::string& line)> warn_;
  Mutex mutex_;
  uint64_t next_ COVEY_GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, Entry> writing_ COVEY_GUARDED_BY(mutex_);  // in the order of their beginnings
};

// Waits for room for the next message of a stream, before what it tells is read; `held` gets it.
Handled RoomForAnswer(const ServiceContext& service, Reservation& held);
// Of it a message has turned out to take so much.
void KeepRoom(Reservation& held, size_t bytes);

}  // namespace covey
