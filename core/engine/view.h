#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/journal/journal.h"

namespace covey {

// How a group ended.
struct GroupEnd {
  GroupSummary group;
  std::vector<std::shared_ptr<const Failure>> failures;  // of tasks, in order of time, at most kMaxFailures
  static constexpr size_t kMaxFailures = 100;
};

// A task as it stands.
struct TaskView {
  std::string group;
  std::string name;
  uint32_t index = 0;
  std::shared_ptr<const TaskSpec> spec;  // null: event `spec_event` of the group has it
  state::TaskState state;
  bool stopped = false;  // in the queue, when its group was decided
  std::shared_ptr<const Failure> failure;
  std::shared_ptr<const Payload> result;
  std::shared_ptr<const OutputSizes> output;  // of its last attempt, when that has ended and it is known
  WallTime submitted{};
  WallTime started{};        // epoch: never
  WallTime ended{};          // epoch: not yet
  uint64_t ended_event = 0;  // which says that; 0: not yet
  uint64_t spec_event = 0;
  // Not 0: this event has `failure` and `result` in full, of which something is left out here.
  uint64_t end_event = 0;
};

// Tasks next to each other.
struct TaskPage {
  uint32_t first = 0;
  std::vector<TaskView> tasks;  // at least one
};

// The tasks before `end` of a group that is not over, as the journal has them; how those of `open` stand is known in memory
// alone.
struct FoldedTasks {
  GroupSummary group;
  uint32_t end = 0;
  uint64_t from = 1;           // the events of the first one that is asked for begin here, or behind it
  std::vector<uint32_t> open;  // of those from that one on
};

// What something waits for. The values are those of covey.v1.WaitReason.
enum class WaitReason : uint8_t {
  kPool = 1,
  kLimit = 2,
  kTasks = 3,
  kSeal = 4,
  kStop = 5,
  kJournal = 6,
  kReader = 14
};

struct WaitView {
  WaitReason reason = WaitReason::kPool;
  std::string message;
  std::string pool;                // kPool
  uint32_t max = 0;                // kPool, kLimit
  uint32_t running = 0;            // kPool, kLimit
  uint32_t ahead = 0;              // kPool, kLimit, of a task: tasks of its group before it
  std::vector<std::string> tasks;  // kTasks, kStop, kReader: at most kMaxTasks
  static constexpr size_t kMaxTasks = 10;
};

// One link of a chain of causes.
struct CauseView {
  std::string message;
  WallTime time{};
  uint64_t event = 0;  // number of the event that records it
  std::shared_ptr<const Failure> failure;
};

// Why a group or a task is where it is.
struct Explanation {
  std::string summary;
  std::vector<WaitView> waits;
  std::vector<CauseView> causes;  // the last effect first
};

// Events of one batch, next to each other.
struct EventSlice {
  std::shared_ptr<const Batch> batch;
  size_t first = 0;
  size_t count = 0;

  std::span<const Record> records() const { return batch->records().subspan(first, count); }
};

// Events after a number, as many as are at hand.
struct EventPage {
  std::vector<EventSlice> slices;  // none is empty
  uint64_t through = 0;            // everything up to here was told
  bool completed = false;          // the group is over and nothing follows `through`
  uint64_t dropped = 0;            // so many before `through` are lost: the group was deleted meanwhile

  bool empty() const { return slices.empty(); }
  // All of them, one after the other, for a range-based for. Valid as long as the page.
  class Records {
   public:
    class Iterator {
     public:
      Iterator(const EventSlice* slice, size_t at) : slice_(slice), at_(at) {}
      const Record& operator*() const { return slice_->records()[at_]; }
      Iterator& operator++() {
        if (++at_ == slice_->count) {
          ++slice_;
          at_ = 0;
        }
        return *this;
      }
      bool operator==(const Iterator&) const = default;

     private:
      const EventSlice* slice_;
      size_t at_;  // in the slice
    };

    explicit Records(const std::vector<EventSlice>& slices) : slices_(slices) {}
    Iterator begin() const { return {slices_.data(), 0}; }
    Iterator end() const { return {slices_.data() + slices_.size(), 0}; }

   private:
    std::span<const EventSlice> slices_;
  };
  Records records() const { return Records(slices); }
};

}  // namespace covey
