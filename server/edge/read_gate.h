#pragma once

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <list>

#include "server/edge/list.h"
#include "server/edge/timed_waiter.h"

namespace covey::edge {

class Call;

// Who of one queue's calls may receive a message that may be large. gRPC keeps a message until it is whole: of a
// call that has not asked for it a window, of one that has up to all that may be received. So few ask at a time;
// those behind them wait in their order, and only so many.
//
// Thread safety: none, everything on the queue's thread.
class ReadGate {
 public:
  using Clock = TimedWaiter::Clock;

  static constexpr size_t kPlaces = 3;
  static constexpr size_t kMostWaiting = 128;
  // A client that has not sent its message after this time goes, when others wait for its place.
  static constexpr std::chrono::seconds kSlow{20};

  // A place within, as long as it lives. Entered by a call whose Enter ended with kDone.
  class Place : public ListHook {
   public:
    Place(ReadGate& gate, Call& call);
    ~Place();

    // The message has come.
    void SetReceived() { received_ = true; }
    // It was given up.
    bool cut() const { return cut_; }

   private:
    friend class ReadGate;

    ReadGate& gate_;
    Call& call_;
    const Clock::time_point since_ = Clock::now();
    bool received_ = false;
    bool cut_ = false;
  };

  // kDone: make a Place. kTimeout: too many wait, or the deadline passed.
  class [[nodiscard]] Awaiter final : public TimedWaiter {
   public:
    Awaiter(ReadGate& gate, Clock::time_point deadline) : TimedWaiter(OnStop::kWake, deadline), gate_(gate) {}
    bool await_ready();
    bool await_suspend(std::coroutine_handle<> handle);
    Wake await_resume();

   private:
    void Detach() override;

    ReadGate& gate_;
    std::list<Awaiter*>::iterator place_;
  };

  // `slow`: see kSlow.
  explicit ReadGate(Clock::duration slow = kSlow) : slow_(slow) {}
  ReadGate(const ReadGate&) = delete;
  ReadGate& operator=(const ReadGate&) = delete;

  Awaiter Enter(Clock::time_point deadline) { return {*this, deadline}; }

 private:
  void Leave();
  void CutSlowest();

  const Clock::duration slow_;
  size_t taken_ = 0;  // also by those that were woken, and have not gone on yet
  std::list<Awaiter*> waiting_;
  List<Place> places_;  // in the order in which they were taken
};

}  // namespace covey::edge
