#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "core/executor/executor.h"
#include "core/output/output_store.h"
#include "covey/timer_queue.h"
#include "server/journal/memory_journal.h"

// A world for tests of the engine: the journal in memory, with its faults; an executor that does what the
// test says; virtual time. Nearly everything then happens on the thread of the test, in one order.
namespace covey::testing {

inline constexpr std::chrono::seconds kPatience{30};

// Waits for an answer; ends the test program when none comes.
template <typename T>
T Get(std::future<T> future) {
  COVEY_CHECK(future.wait_for(kPatience) == std::future_status::ready);
  return future.get();
}

template <typename T, typename Call>
std::future<T> Ask(Call call) {
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  call([promise](T answer) { promise->set_value(std::move(answer)); });
  return future;
}

// True when `future` has its answer already.
template <typename T>
bool Answered(const std::future<T>& future) {
  return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

// Keeps nothing: what tasks write is not the engine's affair.
class NoOutput : public OutputStore {
 public:
  void Begin(const std::string&, uint32_t, uint32_t, bool) override { ++begun; }
  size_t Room(const OutputKey&, const std::function<void()>&) override { return SIZE_MAX; }
  void Write(const OutputKey&, std::string_view) override {}
  void Finish(const std::string&, uint32_t, uint32_t, Finished done) override {
    ++finished;
    done(sizes);
  }
  void Taken(const OutputKey&, uint64_t) override {}
  bool WaitsForReader(const OutputKey&) override { return waits_for_reader; }
  OutputPiece Read(const OutputKey&, uint64_t, size_t) override { return {.end = true}; }
  uint64_t Size(const OutputKey&) override { return 0; }
  std::optional<uint64_t> SizeOfRunning(const OutputKey&) override { return std::nullopt; }
  std::shared_ptr<void> Subscribe(const std::string&, std::optional<uint32_t>,
                                  std::function<void(uint32_t, uint32_t, OutputStream)>) override {
    return nullptr;
  }
  void Purge(const std::string&) override { ++purged; }

  std::atomic<int> begun = 0;
  std::atomic<int> finished = 0;
  std::atomic<int> purged = 0;
  OutputSizes sizes;  // told of every attempt
  std::atomic<bool> waits_for_reader = false;
};

// Starts nothing: records the launches and stops, and lets the test say how each attempt goes on.
class ScriptedExecutor final : public Executor {
 public:
  std::shared_ptr<Execution> Start(const Launch& launch, std::shared_ptr<AttemptListener> listener) override;

  SlotUse slots() const override { return no_slots_ ? SlotUse::kNone : SlotUse::kOne; }
  bool outlives_daemon() const override { return recovers_; }
  std::shared_ptr<Execution> Recover(const Launch& launch,
                                     std::shared_ptr<AttemptListener> listener) override;

  // Every attempt from now on ends with success before its Start returns.
  void ExitAtOnce() { at_once_ = true; }
  // Its work takes no slots.
  void TakeNoSlots() { no_slots_ = true; }
  // It knows every attempt that an earlier daemon has started.
  void Recovers() { recovers_ = true; }
  // Work begins when the test says so (Begin), not with its Start.
  void BeginLater() { begin_later_ = true; }

  // Names "TASK.ATTEMPT" of what was launched and has not exited, in order.
  std::vector<std::string> running() const COVEY_EXCLUDES(mutex_);
  size_t launches() const COVEY_EXCLUDES(mutex_);
  // Why the running attempt was told to stop; nullopt when it was not.
  std::optional<Failure> stopped(const std::string& name) const COVEY_EXCLUDES(mutex_);
  Launch launch(const std::string& name) const COVEY_EXCLUDES(mutex_);

  void Begin(const std::string& name) { Find(name)->listener->OnStarted(); }
  void Deliver(const std::string& name, int signal) { Find(name)->listener->OnDelivered(signal); }
  void Kill(const std::string& name) { Find(name)->listener->OnKilled(); }
  void Exit(const std::string& name, Status status = {}, std::shared_ptr<const Payload> result = nullptr)
      COVEY_EXCLUDES(mutex_);
  void Lose(const std::string& name) COVEY_EXCLUDES(mutex_);
  // All that runs ends.
  void ExitAll() COVEY_EXCLUDES(mutex_);

 private:
  class Scripted;
  struct Attempt {
    std::string name;
    Launch launch;
    std::shared_ptr<AttemptListener> listener;
    std::optional<Failure> stop;
  };

  std::shared_ptr<Attempt> Find(const std::string& name) const COVEY_EXCLUDES(mutex_);
  // The same, and it runs no more.
  std::shared_ptr<Attempt> Take(const std::string& name) COVEY_EXCLUDES(mutex_);
  std::shared_ptr<Attempt> Add(const Launch& launch, std::shared_ptr<AttemptListener> listener)
      COVEY_EXCLUDES(mutex_);

  std::atomic<bool> at_once_ = false;
  std::atomic<bool> no_slots_ = false;
  std::atomic<bool> recovers_ = false;
  std::atomic<bool> begin_later_ = false;
  mutable Mutex mutex_;
  size_t launches_ COVEY_GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<Attempt>> running_ COVEY_GUARDED_BY(mutex_);
};

class World {
 public:
  using GroupPtr = Engine::GroupPtr;

  explicit World(uint32_t slots = 4) : pools({{"default", slots}}) {}
  ~World();

  // Opens an engine over the journal, and lets it run unless `parked`. A former one is as if its process had
  // been killed: it stays, but what it still says is refused. Its attempts are forgotten, not ended.
  std::optional<Error> Open();
  Engine& engine() { return *engines_.back(); }

  static TaskSpec Task(std::string name = {});
  static std::vector<TaskSpec> Tasks(size_t count);

  Result<GroupPtr> Create(Engine::Create create);
  // A group "g" with unnamed tasks.
  GroupPtr Make(size_t tasks, bool seal = true, GroupSpec spec = {.id = "g"});
  Result<GroupPtr> Find(const std::string& id);
  std::future<Result<DurableGroup::SubmitReply>> Submit(const GroupPtr& group, std::vector<TaskSpec> tasks,
                                                        RequestMark request = {}, bool seal = false);
  std::future<std::optional<Error>> Seal(const GroupPtr& group);
  std::future<std::optional<Error>> Cancel(const GroupPtr& group, std::string message = "enough");
  std::future<std::optional<Error>> CancelTask(const GroupPtr& group, const std::string& name);
  Result<std::vector<Record>> Records(const std::string& id);
  // A task as it stands, wherever it is.
  Result<TaskView> ReadTask(const GroupPtr& group, uint32_t index);

  // What the journal holds of a group, one short line an event, without group_created.
  std::vector<std::string> Story(const std::string& id = "g");
  // The log of a group is gapless, folds to its view, keeps the invariants, is decided and completed at most
  // once, and no attempt was started twice. Empty when all of that holds.
  std::string CheckLog(const GroupPtr& group);

  void Advance(std::chrono::nanoseconds step) {
    wall += std::chrono::floor<std::chrono::microseconds>(step);
    timers->AdvanceBy(step);
  }

  std::vector<PoolConfig> pools;
  std::shared_ptr<TimerQueue> timers = TimerQueue::Manual();
  WallTime wall{std::chrono::hours(500'000)};
  std::shared_ptr<MemoryJournal> journal =
      std::make_shared<MemoryJournal>(MemoryJournal::Options{.now = [this] { return wall; }});
  std::shared_ptr<Journal> between;  // what engines are given instead of `journal`
  std::shared_ptr<NoOutput> output = std::make_shared<NoOutput>();
  std::shared_ptr<ScriptedExecutor> executor = std::make_shared<ScriptedExecutor>();
  std::shared_ptr<ScriptedExecutor>
      next_executor;                    // of the engine that Open makes next, instead of a plain one
  std::shared_ptr<Executor> functions;  // instead of `executor`, for tasks that really run
  bool parked = false;
  RecoveryWatcher recovery_watcher;
  std::function<void(const std::string& line)> warn;
  std::shared_ptr<ActivityListener> activity;
  bool counts = true;
  AnswerQueue::Runs answers = AnswerQueue::Runs::kOnFlush;  // kOnAThread: as in the daemon
  Budget::Amount max_queued{.tasks = 1'000'000};            // in bytes: no bound
  size_t resident_groups = 1'000;
  size_t resident_bytes = 1u << 30;
  size_t group_bytes = 1u << 30;
  size_t fold_after = 8192;
  uint32_t whole_tasks = 5000;

 private:
  std::vector<std::shared_ptr<ScriptedExecutor>> dead_executors_;
  std::vector<std::unique_ptr<Engine>> engines_;
};

Failure ExitFailure(int code, std::string detail = {});

}  // namespace covey::testing
