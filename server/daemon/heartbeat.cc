#include "server/daemon/heartbeat.h"

#include <utility>

namespace covey {

Heartbeat::Heartbeat(std::chrono::microseconds interval, std::vector<Probe> parts, std::function<void()> beat)
    : parts_(std::move(parts)), beat_(std::move(beat)), missing_(std::make_shared<std::atomic<size_t>>(0)) {
  if (interval.count() > 0) thread_ = std::thread([this, interval] { Loop(interval); });
}

Heartbeat::~Heartbeat() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stop_ = true;
    stopped_.NotifyAll();
  }
  thread_.join();
}

void Heartbeat::Look() {
  if (*missing_ > 0) return;
  beat_();
  *missing_ = parts_.size();
  for (const Probe& part : parts_) part([missing = missing_] { --*missing; });
}

void Heartbeat::Loop(std::chrono::microseconds interval) {
  auto next = std::chrono::steady_clock::now();
  for (;;) {
    Look();
    next += interval;
    MutexLock lock(mutex_);
    while (!stop_ && stopped_.WaitUntil(mutex_, next)) {
    }
    if (stop_) return;
  }
}

}  // namespace covey
