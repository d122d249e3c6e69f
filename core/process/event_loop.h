#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/unique_fd.h"
#include "core/process/pipe_reader.h"
#include "core/process/supervised.h"
#include "core/process/tree_tracker.h"
#include "covey/result.h"

namespace covey {

// The one loop for all processes: reads their output, writes their stdin, carries out stops, notices their
// ends and kills what is left of their trees.
//
// Life of a watched process: running -> (stop signal, grace, SIGKILL) -> root ended -> lingering until both
// pipes are at their end -> swept until the tree is gone, root reaped -> pipes drained, OnGone -> forgotten
// at the end of the batch. Only a root that ended by itself leaves what lingers. The grace is the tree's: when
// the root of a stopped tree ends, what is left of it has the rest of the grace before it is killed.
//
// Thread safety: Watch and Post may be called from any thread; the rest happens on the thread that is in Run.
//
// Invariants:
// 1. The root is reaped only after the rest of its tree is gone: until then its pid names its session and
//    its group.
// 2. A descriptor leaves the epoll set before it is closed, so no event can name a process that is forgotten.
// 3. A read takes at most one buffer at a time: a process that writes without end delays others by no more.
// 4. A process whose listener has no room for its output holds up nothing but itself, and no stop.
class EventLoop {
 public:
  enum class Order : uint8_t {
    kStop,
    kKill,
    kResume,       // its listener has room again
    kCancelled,    // it was never started
    kUnwatchable,  // it was started, and its events cannot be had yet
  };
  using Batch = std::vector<Supervised*>;

  // `tracker` must outlive the loop. `forget` is called with the processes that are gone, after each batch.
  EventLoop(TreeTracker* tracker, std::function<void(const Batch&)> forget);
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Fails when the system has no descriptors for it.
  Result<Void> Open();

  // Hands over a process that has been started: its events arrive from now on, or as soon as there is memory for
  // them.
  void Watch(const std::shared_ptr<Supervised>& process);
  void Post(Order order, std::shared_ptr<Supervised> process) COVEY_EXCLUDES(mutex_);

  // Until Quit.
  void Run();
  // May be called once every process is forgotten.
  void Quit() COVEY_EXCLUDES(mutex_);

 private:
  using Clock = std::chrono::steady_clock;
  // What of a process an event is about; kept in the low bits of its address.
  enum Source : uint64_t { kPidfd = 0, kStdin = 1, kStdout = 2, kStderr = 3 };
  static constexpr uint64_t kSourceMask = 3;

  struct Posted {
    Order order;
    std::shared_ptr<Supervised> process;
  };

  bool AddAll(const Supervised& process) COVEY_EXCLUDES(mutex_);
  bool Add(const Supervised* process, Source source, int fd, uint32_t events);
  void Drop(UniqueFd* fd);
  // How long to sleep, in milliseconds as for epoll_wait; nothing when it is time to quit.
  std::optional<int> Timeout() COVEY_EXCLUDES(mutex_);
  void Dispatch(uint64_t data);
  void Obey(Order order, Supervised& process);
  void ObeyAll() COVEY_EXCLUDES(mutex_);
  void RingAlarms();
  void WatchLate();
  void Bury();

  void FeedStdin(Supervised& process);
  void ReadOutput(Supervised& process, OutputStream stream);
  void Listen(const Supervised& process, OutputStream stream, bool on);

  void Stop(Supervised& process);
  void Kill(Supervised& process);
  void Linger(Supervised& process);
  void KillTree(Supervised& process);
  void TryAgain(Supervised& process, Clock::time_point latest);
  void Sweep(Supervised& process);
  void Finish(Supervised& process);
  void Drain(Supervised& process);
  bool Reap(Supervised& process);

  void SetAlarm(Supervised& process, Clock::time_point at);
  void ClearAlarm(Supervised& process);

  // Constant after Open.
  TreeTracker* const tracker_;
  const std::function<void(const Batch&)> forget_;
  UniqueFd epoll_;
  UniqueFd wake_;

  // The loop's alone.
  PipeReader pipes_;
  std::set<std::pair<Clock::time_point, Supervised*>> alarms_;
  Clock::time_point tidy_at_;
  Clock::time_point watch_at_;
  std::vector<std::shared_ptr<Supervised>> unwatched_;  // to be tried again at watch_at_
  Batch buried_;

  Mutex mutex_;  // taken last
  std::vector<Posted> posted_ COVEY_GUARDED_BY(mutex_);
  // The loop looks at posted_ and quit_ before it sleeps again.
  bool woken_ COVEY_GUARDED_BY(mutex_) = false;
  bool quit_ COVEY_GUARDED_BY(mutex_) = false;
};

}  // namespace covey
