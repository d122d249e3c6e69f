#include "core/process/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/mutex.h"
#include "core/process/adopted_orphans.h"
#include "core/process/errno_text.h"
#include "core/process/event_loop.h"
#include "core/process/not_supported.h"
#include "core/process/proc_fs.h"
#include "core/process/quiet_thread.h"
#include "core/process/residents.h"
#include "core/process/spawner.h"
#include "core/process/start_queue.h"
#include "core/process/start_rules.h"
#include "core/process/subreaper.h"
#include "core/process/supervised.h"
#include "core/process/tree_tracker.h"

namespace covey {
namespace {

unsigned SpawnThreads(const ProcessSupervisor::Options& options) {
  return options.spawn_threads > 0 ? options.spawn_threads
                                   : std::clamp(std::thread::hardware_concurrency(), 2u, 8u);
}

// More threads than these may hang in starts (a file system that does not answer) before all others wait for them.
constexpr unsigned kReserveThreads = 8;

}  // namespace

class ProcessSupervisor::Impl {
 public:
  Impl(const Options& options, bool adopts)
      : options_(options), adopts_(adopts), queue_(options.most_at_once) {
    for (unsigned i = 0; i < SpawnThreads(options) + kReserveThreads; ++i)
      spawners_.emplace_back(Spawner::Options{.open_files = options.open_files});
  }

  ~Impl() {
    if (loop_thread_.joinable()) ShutDown();
    tracker_.reset();
    if (made_subreaper_) SetSubreaper(false);
    residents::MoveOut();
  }

  Result<Void> Open() {
    struct sigaction action {};
    if (::sigaction(SIGCHLD, nullptr, &action) == 0 &&
        (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT) != 0)) {
      return NotSupported("SIGCHLD is ignored: how children end could not be known");
    }
    if (options_.become_subreaper && adopts_ && !IsSubreaper()) {
      if (!SetSubreaper(true)) return NotSupported("cannot become a subreaper: " + ErrnoText(errno));
      made_subreaper_ = true;
    }
    if (Result<Void> opened = OpenTracker(); !opened.ok()) return opened;
    rules_.emplace(std::move(controllers_), mechanism_);
    loop_.emplace(tracker_.get(), [this](const EventLoop::Batch& gone) { Forget(gone); });
    if (Result<Void> opened = loop_->Open(); !opened.ok()) return opened;
    loop_thread_ = StartQuietThread([this] { loop_->Run(); });
    MutexLock lock(mutex_);
    last_taken_ = std::chrono::steady_clock::now();  // none of them hangs yet
    for (unsigned i = 0; i < SpawnThreads(options_); ++i) AddSpawnThreadLocked(/*reserve=*/false);
    AddSpawnThreadLocked(/*reserve=*/true);
    return Void{};
  }

  ProcessId Start(std::shared_ptr<const ProcessSpec> spec, std::string token,
                  std::shared_ptr<ProcessListener> listener, std::optional<Variables> env) {
    auto process = std::make_shared<Supervised>();
    process->spec = std::move(spec);
    process->listener = std::move(listener);
    process->env = std::move(env);
    process->tree.token = std::move(token);
    bool wake = false;
    bool cancelled = false;
    ProcessId id = 0;
    {
      MutexLock lock(mutex_);
      id = ++last_id_;
      process->id = id;
      process->tree.id = id;
      processes_.emplace(id, process);
      cancelled = closing_;
      if (!cancelled) {
        queue_.Push(process);
        wake = idle_spawners_ > 0;
      }
    }
    if (cancelled) loop_->Post(EventLoop::Order::kCancelled, std::move(process));
    if (!cancelled) (wake ? queued_ : stuck_).NotifyOne();
    return id;
  }

  void Ask(ProcessId id, Supervised::Wanted wanted) {
    std::shared_ptr<Supervised> process;
    EventLoop::Order order;
    {
      MutexLock lock(mutex_);
      const auto found = processes_.find(id);
      if (found == processes_.end()) return;
      if (!AskLocked(*found->second, wanted, &order)) return;
      process = found->second;
    }
    loop_->Post(order, std::move(process));
  }

  void Resume(ProcessId id) {
    std::shared_ptr<Supervised> process;
    {
      MutexLock lock(mutex_);
      const auto found = processes_.find(id);
      if (found == processes_.end() || found->second->phase != Supervised::Phase::kWatched) return;
      process = found->second;
    }
    loop_->Post(EventLoop::Order::kResume, std::move(process));
  }

  void KillAll(bool close) {
    std::vector<std::pair<EventLoop::Order, std::shared_ptr<Supervised>>> orders;
    {
      MutexLock lock(mutex_);
      closing_ = closing_ || close;
      for (const auto& [id, process] : processes_) {
        EventLoop::Order order;
        if (AskLocked(*process, Supervised::Wanted::kKill, &order)) orders.emplace_back(order, process);
      }
    }
    for (auto& [order, process] : orders) loop_->Post(order, std::move(process));
  }

  const std::string& mechanism() const { return mechanism_; }
  const StartRules& rules() const { return *rules_; }

 private:
  Result<Void> OpenTracker() {
    Result<Void> cgroups = options_.use_cgroups ? OpenCgroups() : NotSupported("switched off");
    if (cgroups.ok()) return cgroups;
    const std::string why = cgroups.error().message;
    if (!adopts_) {
      return NotSupported("not supported here: processes need cgroups (there are none: " + why +
                          ") or a program that adopts orphans (" +
                          (options_.become_subreaper ? "/proc does not list the children of a thread"
                                                     : "become_subreaper is off") +
                          ")");
    }
    if (Result<Void> probed = Probe(nullptr); !probed.ok()) return probed;
    tracker_ = MakeAdoptingTracker(options_.token_variable, options_.root_record, options_.log);
    mechanism_ = tracker_->Describe() + " (no cgroups: " + why + ")";
    return Void{};
  }

  Result<Void> OpenCgroups() {
    Result<std::unique_ptr<CgroupPool>> opened = CgroupPool::Open(options_.cgroup_root, options_.log);
    if (!opened.ok()) return opened.error();
    std::unique_ptr<CgroupPool> pool = std::move(opened.value());
    if (options_.enable_controllers) pool->EnableControllers();
    std::unique_ptr<Cgroup> cgroup = pool->Acquire();
    if (cgroup == nullptr) return NotSupported("cannot make a cgroup: " + ErrnoText(errno));
    Result<Void> probed = Probe(cgroup.get());
    pool->Release(std::move(cgroup));
    if (!probed.ok()) return probed;
    controllers_ = pool->controllers();
    tracker_ = MakeCgroupTracker(std::move(pool), adopts_, options_.token_variable);
    mechanism_ = tracker_->Describe();
    return Void{};
  }

  Result<Void> Probe(const Cgroup* cgroup) {
    for (Spawner& spawner : spawners_) {
      if (Result<Void> probed = spawner.Probe(cgroup); !probed.ok()) return probed;
    }
    return Void{};
  }

  // True: `order` is to be posted to the loop, after the lock.
  bool AskLocked(Supervised& process, Supervised::Wanted wanted, EventLoop::Order* order)
      COVEY_REQUIRES(mutex_) {
    switch (process.phase) {
      case Supervised::Phase::kQueued:
        // A spawning thread leaves out what is cancelled when it comes to it.
        process.phase = Supervised::Phase::kCancelled;
        *order = EventLoop::Order::kCancelled;
        return true;
      case Supervised::Phase::kSpawning:
        process.wanted = std::max(process.wanted, wanted);
        return false;
      case Supervised::Phase::kWatched:
        *order = wanted == Supervised::Wanted::kKill ? EventLoop::Order::kKill : EventLoop::Order::kStop;
        return true;
      case Supervised::Phase::kCancelled:
        return false;
    }
    return false;
  }

  void AddSpawnThreadLocked(bool reserve) COVEY_REQUIRES(mutex_) {
    Spawner& spawner = spawners_[spawn_threads_.size()];
    spawn_threads_.push_back(StartQuietThread([this, &spawner, reserve] {
      if (!reserve || StepIn()) SpawnUntilClosed(spawner);
    }));
  }

  // Waits until all others hang in starts while more are to be started; false: closed. Another waits in its place then.
  bool StepIn() {
    MutexLock lock(mutex_);
    while (!closed_) {
      const auto due = idle_spawners_ == 0 ? queue_.NextDue() : std::nullopt;
      if (!due) {
        stuck_.Wait(mutex_);
      } else if (const auto late = std::max(*due, last_taken_) + options_.spawn_patience;
                 std::chrono::steady_clock::now() < late) {
        stuck_.WaitUntil(mutex_, late);
      } else {
        if (spawn_threads_.size() < spawners_.size()) AddSpawnThreadLocked(/*reserve=*/true);
        lock.Unlock();
        if (options_.log) options_.log("starts of processes hang: one more thread starts what waits");
        return true;
      }
    }
    return false;
  }

  void SpawnUntilClosed(Spawner& spawner) {
    while (std::shared_ptr<Supervised> process = NextToSpawn()) Spawn(spawner, process);
  }

  // Null: closed.
  std::shared_ptr<Supervised> NextToSpawn() {
    MutexLock lock(mutex_);
    for (;;) {
      if (closed_) return nullptr;
      if (std::shared_ptr<Supervised> process = queue_.Pop(std::chrono::steady_clock::now())) {
        process->phase = Supervised::Phase::kSpawning;
        last_taken_ = std::chrono::steady_clock::now();
        if (idle_spawners_ == 0 && queue_.NextDue()) stuck_.NotifyOne();
        return process;
      }
      ++idle_spawners_;
      if (const auto due = queue_.NextDue()) {
        queued_.WaitUntil(mutex_, *due);
      } else {
        queued_.Wait(mutex_);
      }
      --idle_spawners_;
    }
  }

  void Spawn(Spawner& spawner, const std::shared_ptr<Supervised>& process) {
    Tree& tree = process->tree;
    tree.start_ticks = procfs::NowTicks();
    if (std::optional<SpawnError> error = TrySpawn(spawner, *process)) {
      if (error->shortage != Shortage::kNone) return PutBack(process, *error);
      process->result.kind = ProcessResult::Kind::kStartFailed;
      process->result.code = error->code;
      process->result.message = std::move(error->message);
      process->listener->OnGone(process->result);
      Forget({process.get()});
      return;
    }
    tree.root = process->child.pid;
    tree.root_pidfd = process->child.pidfd.get();
    tracker_->Started(tree);
    process->listener->OnStarted(tree.root);
    Supervised::Wanted wanted;
    bool over = false;
    {
      MutexLock lock(mutex_);
      process->phase = Supervised::Phase::kWatched;
      wanted = process->wanted;
      over = queue_.Started();
      if (queue_.NextDue() && idle_spawners_ > 0) queued_.NotifyAll();
    }
    if (over && options_.log) options_.log("processes can be started again");
    if (wanted == Supervised::Wanted::kStop) loop_->Post(EventLoop::Order::kStop, process);
    if (wanted == Supervised::Wanted::kKill) loop_->Post(EventLoop::Order::kKill, process);
    loop_->Watch(process);
  }

  // Nothing of it has run: it waits where it was.
  void PutBack(const std::shared_ptr<Supervised>& process, const SpawnError& error) {
    bool cancelled = false;
    bool news = false;
    {
      MutexLock lock(mutex_);
      cancelled = process->wanted != Supervised::Wanted::kRun;
      process->phase = cancelled ? Supervised::Phase::kCancelled : Supervised::Phase::kQueued;
      if (cancelled) {
        queue_.Ended();
      } else {
        news = queue_.PutBack(process, error.shortage, std::chrono::steady_clock::now());
      }
    }
    if (cancelled) loop_->Post(EventLoop::Order::kCancelled, process);
    if (news && options_.log) options_.log("processes wait until they can be started: " + error.message);
  }

  std::optional<SpawnError> TrySpawn(Spawner& spawner, Supervised& process) {
    const ProcessSpec& spec = *process.spec;
    const auto failed = [&spec](const std::string& why, bool shortage = false) {
      return SpawnError{126, "cannot start '" + (spec.argv.empty() ? "" : spec.argv[0]) + "': " + why,
                        shortage ? Shortage::kOfAll : Shortage::kNone};
    };
    std::optional<Account> account;
    if (const auto problem = rules_->Check(spec, &account)) {
      return failed(problem->field + " " + problem->description,
                    problem->code == ErrorCode::kResourceExhausted);
    }
    Tree& tree = process.tree;
    if (!tracker_->Prepare(tree)) {
      // ENOSPC: no more cgroups.
      const int error = errno;
      return failed("no cgroup for it: " + ErrnoText(error), IsShortage(error) || error == ENOSPC);
    }
    std::optional<SpawnError> error;
    if (spec.limits.NeedsCgroup()) {
      if (const auto problem = tree.cgroup->Limit(spec.limits)) error = failed(*problem, IsShortage(errno));
    }
    if (!error) {
      const std::pair<std::string, std::string> extra(tree.token.empty() ? "" : options_.token_variable,
                                                      tree.token);
      error = spawner.Spawn(spec, extra, account, tree.cgroup.get(), &process.child,
                            process.env ? &*process.env : nullptr);
    }
    if (error) {
      tracker_->Abandon(tree);
    } else {
      process.env.reset();
    }
    return error;
  }

  void Forget(const EventLoop::Batch& gone) {
    std::vector<std::shared_ptr<Supervised>> dead;
    bool empty = false;
    {
      MutexLock lock(mutex_);
      for (const Supervised* process : gone) {
        if (process->phase != Supervised::Phase::kCancelled) queue_.Ended();
        const auto found = processes_.find(process->id);
        dead.push_back(std::move(found->second));
        processes_.erase(found);
      }
      if (queue_.NextDue()) (idle_spawners_ > 0 ? queued_ : stuck_).NotifyOne();
      empty = closing_ && processes_.empty();
      if (empty) emptied_.NotifyAll();
    }
  }

  void ShutDown() {
    KillAll(/*close=*/true);
    {
      MutexLock lock(mutex_);
      while (!processes_.empty()) emptied_.Wait(mutex_);
      closed_ = true;
      queued_.NotifyAll();
      stuck_.NotifyAll();
    }
    loop_->Quit();
    loop_thread_.join();
    // Only now: the end of such a thread is the parent-death signal of what it started.
    std::vector<std::thread> threads;
    {
      MutexLock lock(mutex_);
      threads.swap(spawn_threads_);
    }
    for (std::thread& thread : threads) thread.join();
  }

  // Constant after Open.
  const Options options_;
  const bool adopts_;
  bool made_subreaper_ = false;
  std::string mechanism_;
  std::vector<std::string> controllers_;
  std::optional<StartRules> rules_;
  std::unique_ptr<TreeTracker> tracker_;
  std::optional<EventLoop> loop_;
  std::thread loop_thread_;

  std::deque<Spawner> spawners_;  // each used by one spawning thread alone once that runs

  // Before the mutexes of the loop and the tracker; never held when one of them is called, nor a listener.
  Mutex mutex_;
  CondVar queued_;
  CondVar stuck_;  // for the one that is in reserve
  CondVar emptied_;
  std::unordered_map<ProcessId, std::shared_ptr<Supervised>> processes_
      COVEY_GUARDED_BY(mutex_);  // until gone
  StartQueue queue_ COVEY_GUARDED_BY(mutex_);
  std::vector<std::thread> spawn_threads_ COVEY_GUARDED_BY(mutex_);  // each for the spawner at its place
  std::chrono::steady_clock::time_point last_taken_ COVEY_GUARDED_BY(mutex_);  // from the queue
  ProcessId last_id_ COVEY_GUARDED_BY(mutex_) = 0;
  unsigned idle_spawners_ COVEY_GUARDED_BY(mutex_) = 0;
  bool closing_ COVEY_GUARDED_BY(mutex_) = false;  // nothing is started any more
  bool closed_ COVEY_GUARDED_BY(mutex_) = false;   // the spawning threads may end
};

Result<std::unique_ptr<ProcessSupervisor>> ProcessSupervisor::Create(const Options& options) {
  const bool adopts = (options.become_subreaper || IsSubreaper() || ::getpid() == 1) && AdoptedOrphans().ok();
  if (!residents::MoveIn(adopts)) {
    return NotSupported(
        "another process supervisor lives in this program, and one of the two adopts orphans");
  }
  auto impl = std::make_unique<Impl>(options, adopts);
  if (Result<Void> opened = impl->Open(); !opened.ok()) return opened.error();
  return std::unique_ptr<ProcessSupervisor>(new ProcessSupervisor(std::move(impl)));
}

ProcessSupervisor::ProcessSupervisor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProcessSupervisor::~ProcessSupervisor() = default;

ProcessId ProcessSupervisor::Start(std::shared_ptr<const ProcessSpec> spec, std::string token,
                                   std::shared_ptr<ProcessListener> listener, std::optional<Variables> env) {
  return impl_->Start(std::move(spec), std::move(token), std::move(listener), std::move(env));
}

void ProcessSupervisor::Stop(ProcessId id) { impl_->Ask(id, Supervised::Wanted::kStop); }
void ProcessSupervisor::Kill(ProcessId id) { impl_->Ask(id, Supervised::Wanted::kKill); }
void ProcessSupervisor::KillAll() { impl_->KillAll(/*close=*/false); }
void ProcessSupervisor::Resume(ProcessId id) { impl_->Resume(id); }
const std::string& ProcessSupervisor::mechanism() const { return impl_->mechanism(); }

std::optional<StartProblem> ProcessSupervisor::Check(const ProcessSpec& spec) const {
  std::optional<Account> account;
  return impl_->rules().Check(spec, &account);
}
bool ProcessSupervisor::CheckMayBlock(const ProcessSpec& spec) { return StartRules::MayBlock(spec); }
const std::vector<std::string>& ProcessSupervisor::controllers() const {
  return impl_->rules().controllers();
}

}  // namespace covey
