#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/base/check.h"
#include "covey/policy.h"
#include "covey/status.h"

namespace covey::state {

// Kinds of events. The numbers are stored in journals: never renumber, never reuse.
enum class EventKind : uint8_t {
  kGroupCreated = 1,
  kTaskSubmitted = 2,    // task
  kTaskStarted = 3,      // task, attempt: its slot is held; its runner starts after this
  kTaskExited = 4,       // task, attempt, result, failure, code: nothing of the attempt runs any more; result
                         // kNone: queued again; count 1: it was in the queue, nothing ran
  kCancelRequested = 5,  // task, or kNoTask for all that is unfinished; failure: why
  kCancelDelivered = 6,  // task, attempt, code: the stop signal (0 for a function)
  kCancelKilled = 7,     // task, attempt: SIGKILL was sent
  kCancelGone = 8,       // task, attempt: the cancel is complete
  kGroupSealed = 9,
  kGroupDecided = 10,    // outcome, failure, code, task + attempt that decided (or kNoTask); count: queued
                         // tasks stopped by it
  kGroupCompleted = 11,  // outcome: the last task is gone
};
inline constexpr int kEventKinds = 12;

using covey::Policy;

// How an attempt ended.
enum class Ending : uint8_t {
  kNone = 0,
  kSucceeded = 1,
  kFailed = 2,
  kStopped = 3,  // ended because its group was decided: counts as nothing
};

enum class Outcome : uint8_t { kNone = 0, kSucceeded = 1, kFailed = 2, kCancelled = 3 };

inline constexpr uint32_t kNoTask = UINT32_MAX;

// One fact, without the texts: those live beside it (Record). Which fields mean something depends on `kind`,
// as said there; the others are zero.
struct Event {
  EventKind kind{};
  Ending result = Ending::kNone;
  Outcome outcome = Outcome::kNone;
  FailureKind failure = FailureKind::kNone;
  uint32_t task = kNoTask;  // index in the group: 0, 1, 2, … in order of submission
  uint32_t attempt = 0;     // 1, 2, …
  int32_t code = 0;
  uint32_t count = 0;

  bool operator==(const Event&) const = default;
};
static_assert(std::is_trivially_copyable_v<Event> && sizeof(Event) == 20);

// True when the state of event.task is folded from it. (A decision may name a task, but is the group's.)
constexpr bool AboutTask(const Event& event) {
  switch (event.kind) {
    case EventKind::kTaskSubmitted:
    case EventKind::kTaskStarted:
    case EventKind::kTaskExited:
    case EventKind::kCancelDelivered:
    case EventKind::kCancelKilled:
    case EventKind::kCancelGone:
      return true;
    case EventKind::kCancelRequested:
      return event.task != kNoTask;
    case EventKind::kGroupCreated:
    case EventKind::kGroupSealed:
    case EventKind::kGroupDecided:
    case EventKind::kGroupCompleted:
      return false;
  }
  return false;
}

// Where Decide puts its events. No command yields more than kCapacity: what it stops many of is one event.
class EventBuffer {
 public:
  static constexpr size_t kCapacity = 8;

  void Add(const Event& event) {
    COVEY_CHECK(size_ < kCapacity);
    events_[size_++] = event;
  }
  void Clear() { size_ = 0; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const Event& operator[](size_t i) const { return events_[i]; }
  const Event* begin() const { return events_; }
  const Event* end() const { return events_ + size_; }

 private:
  size_t size_ = 0;
  Event events_[kCapacity];
};

}  // namespace covey::state
