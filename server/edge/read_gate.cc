#include "server/edge/read_gate.h"

#include "server/edge/call.h"

namespace covey::edge {

ReadGate::Place::Place(ReadGate& gate, Call& call) : gate_(gate), call_(call) {
  gate_.places_.PushBack(*this);
}

ReadGate::Place::~Place() {
  Unlink();
  gate_.Leave();
}

bool ReadGate::Awaiter::await_ready() {
  if (gate_.taken_ < kPlaces) {
    ++gate_.taken_;
    return true;
  }
  if (gate_.waiting_.size() < kMostWaiting) return false;
  set_wake(Wake::kTimeout);
  return true;
}

bool ReadGate::Awaiter::await_suspend(std::coroutine_handle<> handle) {
  if (!SuspendUntilDeadline(handle)) return false;
  place_ = gate_.waiting_.insert(gate_.waiting_.end(), this);
  return true;
}

Wake ReadGate::Awaiter::await_resume() {
  if (wake() == Wake::kTimeout) gate_.CutSlowest();
  return wake();
}

void ReadGate::Awaiter::Detach() {
  CancelAlarm();
  gate_.waiting_.erase(place_);
}

// Who was waiting first has the place from now on.
void ReadGate::Leave() {
  if (waiting_.empty()) {
    --taken_;
  } else {
    Scope::WakeUp(*waiting_.front(), Wake::kDone);
  }
}

void ReadGate::CutSlowest() {
  const Clock::time_point slow = Clock::now() - slow_;
  for (Place* place = places_.Front(); place != nullptr; place = places_.Next(*place)) {
    if (place->received_ || place->since_ > slow) continue;
    place->cut_ = true;
    place->call_.EndRead();
    return;
  }
}

}  // namespace covey::edge
