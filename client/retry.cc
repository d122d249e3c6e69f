#include "client/retry.h"

#include <algorithm>
#include <random>

namespace covey::client {

namespace {

// Longer than anybody waits, and no overflow of the clock.
constexpr std::chrono::hours kEndless{24 * 365 * 10};

}  // namespace

bool MayTryAgain(const Error& error, methods::Repeat repeat, bool asked) {
  if (asked && repeat != methods::Repeat::kNever) return true;
  if (error.code != ErrorCode::kUnavailable) return false;
  // A call was not carried out by a daemon that was not there, or had not begun to serve; by one that went it
  // may have been.
  if (error.reason == "UNREACHABLE" || error.reason == "STARTING") return true;
  return (error.reason == "CONNECTION_LOST" || error.reason == "SHUTTING_DOWN") &&
         repeat != methods::Repeat::kNever;
}

bool HasAnswered(const Error& error) {
  // The reasons of the client itself; the daemon has others for these codes.
  return error.reason != "UNREACHABLE" && error.reason != "DEADLINE_EXCEEDED" && error.reason != "CANCELLED";
}

Backoff::Clock::time_point DeadlineOf(const CallOptions& options) {
  if (!options.timeout || *options.timeout >= kEndless) return Backoff::Clock::time_point::max();
  return Backoff::Clock::now() + std::max(*options.timeout, std::chrono::nanoseconds(0));
}

bool Backoff::TryAgain(Clock::time_point deadline, std::chrono::nanoseconds least) {
  const MutexLock lock(mutex_);
  const Clock::time_point now = Clock::now();
  if (give_up_ == Clock::time_point()) {
    give_up_ = now + std::min<std::chrono::nanoseconds>(policy_.patience, kEndless);
    pause_ = policy_.first_pause;
  }
  static thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int64_t> upper_half(pause_.count() / 2, pause_.count());
  const std::chrono::nanoseconds pause = std::max(std::chrono::nanoseconds(upper_half(random)),
                                                  std::min<std::chrono::nanoseconds>(least, kEndless));
  const Clock::time_point next = now + pause;
  if (stop_ || next > give_up_ || next > deadline) return false;
  pause_ = std::min(pause_ * 2, policy_.longest_pause);
  while (!stop_ && stopped_.WaitUntil(mutex_, next)) {
  }
  return !stop_;
}

void Backoff::Reset() {
  const MutexLock lock(mutex_);
  give_up_ = {};
}

void Backoff::Stop() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  stopped_.NotifyAll();
}

}  // namespace covey::client
