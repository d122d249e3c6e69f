#include "core/process/event_loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/process/errno_text.h"

namespace covey {
namespace {

constexpr int kEventsAtOnce = 256;
constexpr size_t kBufferSize = 64 * 1024;
constexpr int kPassesAtOnce = 16;
constexpr std::chrono::milliseconds kLongestRetry(64);
constexpr std::chrono::seconds kTidyInterval(1);
constexpr std::chrono::hours kLongestWait(24 * 365);

// What can be added to the time of day of the loop.
std::chrono::nanoseconds Bounded(std::chrono::nanoseconds wait) {
  return std::min<std::chrono::nanoseconds>(wait, kLongestWait);
}

std::chrono::microseconds ToMicroseconds(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

// The limit that a signal came from, as far as that can be known.
std::string LimitReached(const Supervised& process) {
  if (process.result.kind != ProcessResult::Kind::kSignalled || process.result.forced) return {};
  const ResourceLimits& limits = process.spec->limits;
  const int signal = process.result.code;
  if (signal == SIGXCPU && limits.cpu_time.count() > 0) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(limits.cpu_time);
    return "the limit of CPU time, " + std::to_string(seconds.count()) + " s, was reached";
  }
  if (signal == SIGKILL && limits.memory != 0 && process.tree.cgroup && process.tree.cgroup->MemoryRanOut()) {
    return "the limit of memory, " + std::to_string(limits.memory) + " bytes, was reached";
  }
  return {};
}

}  // namespace

EventLoop::EventLoop(TreeTracker* tracker, std::function<void(const Batch&)> forget)
    : tracker_(tracker),
      forget_(std::move(forget)),
      pipes_([this](const Supervised& process, OutputStream stream, bool on) { Listen(process, stream, on); },
             [this](UniqueFd* pipe) { Drop(pipe); }) {}

Result<Void> EventLoop::Open() {
  epoll_.Reset(::epoll_create1(EPOLL_CLOEXEC));
  wake_.Reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wake_ || !epoll_.LeaveStdio() || !wake_.LeaveStdio() ||
      !Add(nullptr, kPidfd, wake_.get(), EPOLLIN)) {
    return Error{.code = ErrorCode::kResourceExhausted,
                 .reason = "NO_DESCRIPTORS",
                 .message = "cannot make an event loop for processes: " + ErrnoText(errno),
                 .fields = {}};
  }
  tidy_at_ = Clock::now() + kTidyInterval;
  return Void{};
}

bool EventLoop::Add(const Supervised* process, Source source, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = reinterpret_cast<uint64_t>(process) | source;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0 || errno == EEXIST;
}

void EventLoop::Drop(UniqueFd* fd) {
  if (!*fd) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd->get(), nullptr);
  fd->Reset();
}

void EventLoop::Watch(const std::shared_ptr<Supervised>& process) {
  if (!AddAll(*process)) Post(Order::kUnwatchable, process);
}

bool EventLoop::AddAll(const Supervised& process) {
  const SpawnedChild& child = process.child;
  // The loop takes the mutex after each wait, so it acts on no event of this process before all of this is
  // done.
  MutexLock lock(mutex_);
  return (!child.stdin_pipe || Add(&process, kStdin, child.stdin_pipe.get(), EPOLLOUT)) &&
         (!child.stdout_pipe || Add(&process, kStdout, child.stdout_pipe.get(), EPOLLIN)) &&
         (!child.stderr_pipe || Add(&process, kStderr, child.stderr_pipe.get(), EPOLLIN)) &&
         Add(&process, kPidfd, child.pidfd.get(), EPOLLIN);
}

void EventLoop::Post(Order order, std::shared_ptr<Supervised> process) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    posted_.push_back({order, std::move(process)});
    wake = !std::exchange(woken_, true);
  }
  if (wake) ::eventfd_write(wake_.get(), 1);
}

void EventLoop::Quit() {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    quit_ = true;
    wake = !std::exchange(woken_, true);
  }
  if (wake) ::eventfd_write(wake_.get(), 1);
}

void EventLoop::Run() {
  epoll_event events[kEventsAtOnce];
  while (const std::optional<int> timeout = Timeout()) {
    const int n = ::epoll_wait(epoll_.get(), events, kEventsAtOnce, *timeout);
    COVEY_CHECK(n >= 0 || errno == EINTR);
    {
      MutexLock lock(mutex_);
      woken_ = true;
    }
    // Ends before orders: a process that has ended by itself is not stopped any more.
    for (int i = 0; i < n; ++i) Dispatch(events[i].data.u64);
    ObeyAll();
    RingAlarms();
    WatchLate();
    Bury();
  }
  tracker_->Finish();
}

std::optional<int> EventLoop::Timeout() {
  {
    // Whoever finds woken_ set relies on this look: all that a wake may be for is looked at before it falls.
    MutexLock lock(mutex_);
    if (quit_) return std::nullopt;
    woken_ = !posted_.empty();
    if (woken_) return 0;
  }
  Clock::time_point next = Clock::time_point::max();
  if (tracker_->NeedsTidying()) next = tidy_at_;
  if (!alarms_.empty()) next = std::min(next, alarms_.begin()->first);
  if (!unwatched_.empty()) next = std::min(next, watch_at_);
  if (next == Clock::time_point::max()) return -1;
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(rest.count(), 0, 60'000));
}

void EventLoop::Dispatch(uint64_t data) {
  Supervised* process = reinterpret_cast<Supervised*>(data & ~kSourceMask);
  if (process == nullptr) {
    eventfd_t count = 0;
    ::eventfd_read(wake_.get(), &count);
    return;
  }
  if (process->gone) return;
  switch (static_cast<Source>(data & kSourceMask)) {
    case kStdin:
      return FeedStdin(*process);
    case kStdout:
      return ReadOutput(*process, OutputStream::kStdout);
    case kStderr:
      return ReadOutput(*process, OutputStream::kStderr);
    case kPidfd:
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, process->child.pidfd.get(), nullptr);
      process->root_ended = true;
      process->retry = std::chrono::milliseconds(1);
      return Linger(*process);
  }
}

void EventLoop::ObeyAll() {
  std::vector<Posted> posted;
  {
    MutexLock lock(mutex_);
    posted.swap(posted_);
  }
  for (const auto& [order, process] : posted) {
    if (!process->gone) Obey(order, *process);
  }
}

void EventLoop::Obey(Order order, Supervised& process) {
  switch (order) {
    case Order::kStop:
      return Stop(process);
    case Order::kKill:
      return Kill(process);
    case Order::kResume:
      pipes_.Resume(process);
      if (process.lingering) SetAlarm(process, Clock::now() + Bounded(process.spec->linger));
      return;
    case Order::kCancelled:
      process.result.kind = ProcessResult::Kind::kCancelled;
      process.result.message = "stopped before it was started";
      process.gone = true;
      buried_.push_back(&process);
      return process.listener->OnGone(process.result);
    case Order::kUnwatchable:
      unwatched_.push_back(process.shared_from_this());
      watch_at_ = Clock::now() + kLongestRetry;
      return;
  }
}

void EventLoop::RingAlarms() {
  const Clock::time_point now = Clock::now();
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    Supervised& process = *alarms_.begin()->second;
    ClearAlarm(process);
    if (process.lingering && PipeReader::AnyHeld(process)) {
      // While its reader has no room it cannot write: that time does not count.
      SetAlarm(process, now + Bounded(process.spec->linger));
    } else if (process.root_ended) {
      Sweep(process);
    } else if (process.result.forced) {
      KillTree(process);
    } else {
      Kill(process);
    }
  }
  if (tracker_->NeedsTidying() && tidy_at_ <= now) {
    tidy_at_ = now + kTidyInterval;
    tracker_->Tidy();
  }
}

void EventLoop::WatchLate() {
  if (unwatched_.empty() || Clock::now() < watch_at_) return;
  std::erase_if(unwatched_, [this](const auto& process) { return AddAll(*process); });
  watch_at_ = Clock::now() + kLongestRetry;
}

void EventLoop::Bury() {
  if (buried_.empty()) return;
  forget_(buried_);
  buried_.clear();
}

void EventLoop::FeedStdin(Supervised& process) {
  UniqueFd& pipe = process.child.stdin_pipe;
  if (!pipe) return;
  const std::string& bytes = process.spec->stdin_bytes;
  size_t& written = process.child.stdin_written;
  const ssize_t n =
      ::write(pipe.get(), bytes.data() + written, std::min(bytes.size() - written, kBufferSize));
  if (n > 0) written += static_cast<size_t>(n);
  const bool failed = n < 0 && errno != EAGAIN && errno != EINTR;
  // EPIPE among others: a process need not read its stdin.
  if (failed || written == bytes.size()) Drop(&pipe);
}

void EventLoop::ReadOutput(Supervised& process, OutputStream stream) {
  if (process.swept) return Drain(process);
  pipes_.Read(process, stream);
  // What has closed the pipes is about to end by itself.
  if (process.lingering && !PipeReader::AnyOpen(process)) SetAlarm(process, Clock::now() + process.retry);
}

// A pipe that is not listened to stays in the set, so that listening again needs no memory. Edge-triggered, its
// end is then reported once and not again and again.
void EventLoop::Listen(const Supervised& process, OutputStream stream, bool on) {
  const bool out = stream == OutputStream::kStdout;
  const UniqueFd& pipe = out ? process.child.stdout_pipe : process.child.stderr_pipe;
  epoll_event event{};
  event.events = on ? EPOLLIN : EPOLLET;
  event.data.u64 = reinterpret_cast<uint64_t>(&process) | (out ? kStdout : kStderr);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, pipe.get(), &event);
}

void EventLoop::Stop(Supervised& process) {
  pipes_.Release(process);
  if (process.stopping || (process.root_ended && !process.lingering)) return;
  const ProcessSpec& spec = *process.spec;
  if (spec.grace.count() <= 0 || spec.stop_signal == SIGKILL) return Kill(process);
  process.stopping = true;
  // Only a bad signal number can fail.
  if (!tracker_->Stop(process.tree, spec.stop_signal)) return Kill(process);
  process.result.stopped = true;
  process.grace_end = Clock::now() + Bounded(spec.grace);
  SetAlarm(process, *process.grace_end);
  process.listener->OnStopDelivered(spec.stop_signal);
  if (std::exchange(process.lingering, false)) Sweep(process);
}

void EventLoop::Kill(Supervised& process) {
  pipes_.Release(process);
  if (process.swept) return;
  process.stopping = true;
  // What its root has left behind had time: the rest of the grace, or to linger.
  const bool grace_was_left = std::exchange(process.grace_end, std::nullopt).has_value();
  if (process.root_ended) {
    if (grace_was_left || process.lingering) Sweep(process);
    return;
  }
  if (process.result.forced) return;
  process.result.forced = true;
  KillTree(process);
}

// Again and again until the root has ended: what is forked just then may be missed, and without descriptors
// most of a tree cannot be reached.
void EventLoop::KillTree(Supervised& process) {
  if (tracker_->Kill(process.tree) && !std::exchange(process.killed, true)) process.listener->OnKilled();
  TryAgain(process, Clock::time_point::max());
}

void EventLoop::TryAgain(Supervised& process, Clock::time_point latest) {
  SetAlarm(process, std::min(Clock::now() + process.retry, latest));
  process.retry = std::min(2 * process.retry, kLongestRetry);
}

// What descendants write after the root's end is kept, while they have a pipe to write to.
void EventLoop::Linger(Supervised& process) {
  if (process.stopping || process.spec->linger.count() <= 0 || !PipeReader::AnyWriter(process)) {
    return Sweep(process);
  }
  process.lingering = true;
  SetAlarm(process, Clock::now() + Bounded(process.spec->linger));
}

void EventLoop::Sweep(Supervised& process) {
  process.lingering = false;
  const bool grace_is_left = process.grace_end && Clock::now() < *process.grace_end;
  const auto leftovers = grace_is_left ? TreeTracker::Leftovers::kMayEnd : TreeTracker::Leftovers::kKill;
  bool gone = false;
  bool killed = false;
  // What is killed now may have left children since it was found: no pause until nothing new is found.
  for (int pass = 0; pass < kPassesAtOnce; ++pass) {
    const TreeTracker::Sweep sweep = tracker_->SweepLeftovers(process.tree, leftovers);
    // Those that a kill of the whole tree has left dying are no leftovers.
    if (!process.result.forced) process.result.leftovers_killed += sweep.killed;
    killed = killed || sweep.killed > 0;
    gone = sweep.gone;
    if (gone || sweep.killed == 0) break;
  }
  // One that was to be killed and is gone has been, though not all of it could be reached at once.
  killed = killed || (gone && process.result.forced);
  if (killed && !std::exchange(process.killed, true)) process.listener->OnKilled();
  if (gone && Reap(process)) return Finish(process);
  TryAgain(process, grace_is_left ? *process.grace_end : Clock::time_point::max());
}

// False: it cannot be reaped yet, as when a debugger still holds it.
bool EventLoop::Reap(Supervised& process) {
  siginfo_t info{};
  rusage usage{};
  ProcessResult& result = process.result;
  // Not waitid(3), which has no place for the usage.
  if (::syscall(SYS_waitid, P_PIDFD, process.child.pidfd.get(), &info, WEXITED | WNOHANG, &usage) != 0) {
    result.kind = ProcessResult::Kind::kLost;
    result.message = "how it ended is not known: " + ErrnoText(errno);
    return true;
  }
  if (info.si_pid == 0) return false;
  result.kind = info.si_code == CLD_EXITED ? ProcessResult::Kind::kExited : ProcessResult::Kind::kSignalled;
  result.code = info.si_status;
  result.user_time = ToMicroseconds(usage.ru_utime);
  result.system_time = ToMicroseconds(usage.ru_stime);
  result.max_resident_kib = usage.ru_maxrss;
  return true;
}

void EventLoop::Finish(Supervised& process) {
  ClearAlarm(process);
  Drop(&process.child.stdin_pipe);
  Drop(&process.child.pidfd);
  if (std::string limit = LimitReached(process); !limit.empty()) process.result.message = std::move(limit);
  tracker_->Release(process.tree);
  process.swept = true;
  Drain(process);
}

void EventLoop::Drain(Supervised& process) {
  if (!pipes_.Drain(process)) return;
  process.gone = true;
  buried_.push_back(&process);
  process.listener->OnGone(process.result);
}

void EventLoop::SetAlarm(Supervised& process, Clock::time_point at) {
  ClearAlarm(process);
  process.alarm = at;
  alarms_.emplace(at, &process);
}

void EventLoop::ClearAlarm(Supervised& process) {
  if (!process.alarm) return;
  alarms_.erase({*process.alarm, &process});
  process.alarm.reset();
}

}  // namespace covey
