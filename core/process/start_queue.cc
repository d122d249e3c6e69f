#include "core/process/start_queue.h"

#include <algorithm>
#include <utility>

namespace covey {
namespace {

constexpr std::chrono::milliseconds kFirstPause(10);
constexpr std::chrono::milliseconds kLongestPause(1000);
constexpr std::chrono::seconds kBetweenNews(10);

}  // namespace

void StartQueue::Push(std::shared_ptr<Supervised> process) { queue_.push_back(std::move(process)); }

std::shared_ptr<Supervised> StartQueue::Pop(Clock::time_point now) {
  if (full()) return nullptr;
  std::shared_ptr<Supervised> process = PopLater(now);
  if (process == nullptr) process = PopQueue(now);
  if (process != nullptr) ++taken_;
  return process;
}

std::shared_ptr<Supervised> StartQueue::PopLater(Clock::time_point now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    std::shared_ptr<Supervised> process = std::move(later_.begin()->second);
    later_.erase(later_.begin());
    if (process->phase == Supervised::Phase::kQueued) return process;
  }
  return nullptr;
}

std::shared_ptr<Supervised> StartQueue::PopQueue(Clock::time_point now) {
  while (!queue_.empty() && resume_at_ <= now) {
    std::shared_ptr<Supervised> process = std::move(queue_.front());
    queue_.pop_front();
    if (process->phase == Supervised::Phase::kQueued) return process;
  }
  return nullptr;
}

std::optional<StartQueue::Clock::time_point> StartQueue::NextDue() const {
  std::optional<Clock::time_point> due;
  if (full()) return due;
  if (!queue_.empty()) due = resume_at_;
  if (!later_.empty()) due = std::min(due.value_or(Clock::time_point::max()), later_.begin()->first);
  return due;
}

bool StartQueue::PutBack(std::shared_ptr<Supervised> process, Shortage shortage, Clock::time_point now) {
  --taken_;
  process->start_pause = std::clamp(2 * process->start_pause, kFirstPause, kLongestPause);
  if (shortage == Shortage::kOfItsOwn) {
    const Clock::time_point at = now + process->start_pause;
    later_.emplace(at, std::move(process));
    return false;
  }
  queue_.push_front(std::move(process));
  pause_ = std::clamp(2 * pause_, kFirstPause, kLongestPause);
  resume_at_ = now + pause_;
  if (told_ || now < tell_at_) return false;
  told_ = true;
  tell_at_ = now + kBetweenNews;
  return true;
}

bool StartQueue::Started() {
  pause_ = std::chrono::milliseconds(0);
  resume_at_ = Clock::time_point::min();
  return queue_.empty() && std::exchange(told_, false);
}

void StartQueue::Ended() {
  --taken_;
  resume_at_ = Clock::time_point::min();
}

}  // namespace covey
