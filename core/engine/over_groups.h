#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/task_window.h"
#include "core/engine/view.h"
#include "core/journal/journal.h"

namespace covey {

// Reads groups that are over page by page, without making them resident: what is asked for is picked out of their
// events as these pass by. One group is read at a time, so that what is in memory does not grow with those who ask.
// The last windows are kept: who lists a group asks for the next page soon.
//
// Thread safety: all of it. Callbacks come from any thread, possibly before the call returns, without a lock. Outlives its
// reads: the journal is closed before.
class OverGroups {
 public:
  template <typename T>
  using Done = std::function<void(Result<T>)>;
  using WindowPtr = std::shared_ptr<const TaskWindow>;

  // A window has at most so many tasks, and bytes in memory. A group of no more tasks may as well be resident.
  static constexpr uint32_t kTasks = 5'000;
  static constexpr size_t kBytes = size_t{2} << 20;
  static constexpr size_t kKept = 4;

  explicit OverGroups(std::shared_ptr<Journal> journal) : journal_(std::move(journal)) {}
  OverGroups(const OverGroups&) = delete;
  OverGroups& operator=(const OverGroups&) = delete;

  // A window that has task `first`, one of those of `group`. kDataLoss.
  void Tasks(GroupSummary group, uint32_t first, Done<WindowPtr> done) COVEY_EXCLUDES(mutex_);
  // The same of a group that is not over, whose `tasks` begin with `first` at the latest.
  void Folded(FoldedTasks tasks, uint32_t first, Done<WindowPtr> done) COVEY_EXCLUDES(mutex_);
  // The index of the task that has this name; nothing: none has. Reads its events up to there.
  void Find(GroupSummary group, std::string name, Done<std::optional<uint32_t>> done) COVEY_EXCLUDES(mutex_);
  // How it ended: without a read of its events when no task failed. kDataLoss.
  void End(GroupSummary group, Done<GroupEnd> done) COVEY_EXCLUDES(mutex_);

 private:
  struct Kept {
    std::string group;
    WallTime created{};  // of that group: a later one may have its id
    WindowPtr window;
  };
  struct Scan;
  struct WindowRead;

  // Called when it is its turn; ends with EndTurn.
  void TakeTurn(std::function<void()> turn) COVEY_EXCLUDES(mutex_);
  void EndTurn() COVEY_EXCLUDES(mutex_);
  WindowPtr FindKept(const GroupSummary& group, uint32_t task) COVEY_EXCLUDES(mutex_);
  void Keep(const GroupSummary& group, WindowPtr window) COVEY_EXCLUDES(mutex_);
  // Where the events of task `first` begin, or some place before.
  uint64_t BeginningOf(const GroupSummary& group, uint32_t first) COVEY_EXCLUDES(mutex_);
  void ReadWindow(std::shared_ptr<WindowRead> read);
  void ReadOn(std::shared_ptr<Scan> scan);
  void OnPage(const std::shared_ptr<Scan>& scan, Result<std::vector<Record>> page);
  void OnMissing(const std::shared_ptr<Scan>& scan);

  const std::shared_ptr<Journal> journal_;

  Mutex mutex_;                                    // a leaf
  std::list<Kept> kept_ COVEY_GUARDED_BY(mutex_);  // the one used last first
  bool reading_ COVEY_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> waiting_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey
