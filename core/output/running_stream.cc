#include "core/output/running_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace covey {
namespace {

// Each stream may have so much waiting, however much there is of others: so it is told when that is written.
constexpr size_t kLeastRoom = 4096;
// Of one whose writer waits for nobody, since it is being stopped.
constexpr size_t kMostPending = size_t{1} << 20;
// The files keep at least what a reader may not have taken yet, and what comes while that is read.
constexpr uint64_t kLeastTail = 2 * RunningStream::kWindow;

// Of what waits for a disk that hangs.
constexpr size_t kMostTimes = 64;

OutputLog::Bounds BoundsOf(OutputLog::Bounds bounds, bool paced) {
  if (paced) bounds.tail = std::max(bounds.tail, kLeastTail);
  return bounds;
}

}  // namespace

RunningStream::RunningStream(std::shared_ptr<Shared> shared, std::string path, OutputLog::Bounds bounds,
                             bool paced)
    : shared_(std::move(shared)),
      paced_(paced),
      log_(std::move(path), BoundsOf(bounds, paced), &shared_->fds) {}

RunningStream::~RunningStream() { shared_->pending -= pending_.size(); }

size_t RunningStream::RoomAtFirst(const Shared& shared) {
  return shared.pending < kBoundOfAll ? kBound : kLeastRoom;
}

size_t RunningStream::RoomLocked() const {
  const size_t waiting = pending_.size() + in_flight_;
  size_t room = kBound - std::min(waiting, kBound);
  if (shared_->pending >= kBoundOfAll) room = waiting == 0 ? kLeastRoom : 0;
  if (paced_ && !shared_->stopping)
    room = static_cast<size_t>(std::min<uint64_t>(room, kWindow - std::min(written_ - taken_, kWindow)));
  return room;
}

size_t RunningStream::Room(const std::function<void()>& has_room) {
  MutexLock lock(mutex_);
  const size_t room = RoomLocked();
  if (room == 0) has_room_ = has_room;
  return room;
}

std::function<void()> RunningStream::TellLocked() {
  return has_room_ && RoomLocked() > 0 ? std::exchange(has_room_, nullptr) : nullptr;
}

bool RunningStream::Push(std::string_view bytes) {
  MutexLock lock(mutex_);
  written_ += bytes.size();
  if (abandoned_) return false;
  const bool fits = lost_ == 0 && pending_.size() + in_flight_ + bytes.size() <= kMostPending &&
                    shared_->pending + bytes.size() <= 2 * kBoundOfAll;
  if (fits) {
    const auto now = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    if (times_.empty() || (times_.size() < kMostTimes && !OutputTimes::Near(times_.back().time, now)))
      times_.push_back({.offset = pending_.size(), .time = now});
    pending_.append(bytes);
    shared_->pending += bytes.size();
  } else {
    lost_ += bytes.size();
  }
  return !std::exchange(scheduled_, true);
}

bool RunningStream::Close(std::function<void()> closed) {
  MutexLock lock(mutex_);
  closed_ = std::move(closed);
  return !std::exchange(scheduled_, true);
}

bool RunningStream::WaitsForReader() const {
  MutexLock lock(mutex_);
  return has_room_ && paced_ && !shared_->stopping && written_ - taken_ >= kWindow;
}

void RunningStream::Taken(uint64_t offset) {
  {
    MutexLock lock(mutex_);
    taken_ = std::max(taken_, std::min(offset, written_));
  }
  LookAgain();
}

void RunningStream::LookAgain() {
  std::function<void()> has_room;
  {
    MutexLock lock(mutex_);
    has_room = TellLocked();
  }
  if (has_room) has_room();
}

void RunningStream::Abandon() {
  log_.Abandon();
  MutexLock lock(mutex_);
  abandoned_ = true;
}

RunningStream::Next RunningStream::WriteOut() {
  std::string bytes;
  std::vector<OutputTime> times;
  uint64_t lost = 0;
  {
    MutexLock lock(mutex_);
    bytes.swap(pending_);
    times.swap(times_);
    lost = std::exchange(lost_, 0);
    in_flight_ = bytes.size();
  }
  log_.Append(bytes, times);
  log_.Lose(lost);
  size_ += bytes.size() + lost;
  Next next;
  {
    MutexLock lock(mutex_);
    shared_->pending -= std::exchange(in_flight_, 0);
    next.has_room = TellLocked();
    next.again = !pending_.empty() || lost_ > 0;
    if (next.again) return next;
    scheduled_ = false;
    next.closed = std::exchange(closed_, nullptr);
  }
  if (next.closed) log_.Finish();
  return next;
}

}  // namespace covey
