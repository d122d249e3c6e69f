#include "server/daemon/start_watch.h"

#include <time.h>

#include "server/daemon/service_manager.h"

namespace covey {

StartWatch::StartWatch(const sigset_t& signals) : stops_(signals) {
  sigdelset(&stops_, SIGHUP);  // for afterwards
}

int StartWatch::StopSignal() {
  if (stop_signal_ != 0) return stop_signal_;
  const timespec now{};
  const int taken = sigtimedwait(&stops_, nullptr, &now);
  if (taken > 0) stop_signal_ = taken;
  return stop_signal_;
}

bool StartWatch::GoOn(const std::string& status) {
  if (StopSignal() != 0) return false;
  if (Clock::now() < tell_at_) return true;
  tell_at_ = Clock::now() + kTellEvery;
  ServiceManager::Starting(status, kPatience);
  return true;
}

}  // namespace covey
