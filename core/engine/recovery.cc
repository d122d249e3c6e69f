#include "core/engine/recovery.h"

#include <algorithm>
#include <utility>

#include "core/base/mutex.h"
#include "core/engine/load_group.h"

namespace covey {

namespace {

Error Unread(const std::string& group, const Error& why) {
  if (why.code == ErrorCode::kDataLoss) return why;
  return {.code = ErrorCode::kDataLoss,
          .reason = "JOURNAL_DAMAGED",
          .message = "group " + group + ": the journal lists it, and does not find it by its id"};
}

}  // namespace

struct Recovery::State {
  Mutex mutex;
  CondVar changed;
  std::optional<Result<GroupPage>> page COVEY_GUARDED_BY(mutex);
  size_t reading COVEY_GUARDED_BY(mutex) = 0;
  size_t resuming COVEY_GUARDED_BY(mutex) = 0;
  RecoveryProgress progress COVEY_GUARDED_BY(mutex);
  std::vector<GroupPtr> loaded COVEY_GUARDED_BY(mutex);  // in the order of the listing; null: not yet
  // Listed, and not to be found by their ids or not to be read at all.
  std::vector<std::pair<Aside, std::shared_ptr<Pool>>> unread COVEY_GUARDED_BY(mutex);
  std::optional<Error> failed COVEY_GUARDED_BY(mutex);  // the first that could not be read for another reason
};

Recovery::Recovery(std::shared_ptr<const GroupEnvironment> environment, PoolTable& pools, uint64_t epoch,
                   RecoveryWatcher watcher)
    : environment_(std::move(environment)),
      pools_(pools),
      epoch_(epoch),
      watcher_(std::move(watcher)),
      state_(std::make_shared<State>()) {}

Recovery::~Recovery() = default;

std::optional<Error> Recovery::Await(const std::function<bool(const State&)>& ready) {
  for (;;) {
    RecoveryProgress progress;
    bool done = false;
    {
      MutexLock lock(state_->mutex);
      if (!ready(*state_)) {
        (void)state_->changed.WaitUntil(state_->mutex, std::chrono::steady_clock::now() + kTellEvery);
      }
      if (state_->failed) return state_->failed;
      done = ready(*state_);
      progress = state_->progress;
    }
    if (watcher_ && !watcher_(progress)) {
      return Error{.code = ErrorCode::kUnavailable,
                   .reason = "SHUTTING_DOWN",
                   .message = "stopped while groups were recovered: " + std::to_string(progress.resumed) +
                              " of " + std::to_string(progress.found) + " had been"};
    }
    if (done) return std::nullopt;
  }
}

std::optional<Error> Recovery::Read() {
  std::string token;
  do {
    Result<GroupPage> page = List(token);
    if (!page.ok()) return page.error();
    for (DamagedGroup& damaged : page.value().damaged) {
      aside_.push_back({.id = std::move(damaged.group), .error = std::move(damaged.error)});
    }
    for (const GroupSummary& listed : page.value().groups) {
      auto stopped = Await([](const State& state) COVEY_NO_TSA { return state.reading < kReadsAtOnce; });
      if (stopped) return stopped;
      Load(listed);
    }
    token = std::move(page.value().next);
  } while (!token.empty());
  if (auto stopped = Await([](const State& state) COVEY_NO_TSA { return state.reading == 0; })) {
    return stopped;
  }
  Sort();
  return std::nullopt;
}

Result<GroupPage> Recovery::List(const std::string& token) {
  GroupFilter filter;
  filter.phases = {GroupPhase::kRunning, GroupPhase::kStopping};
  environment_->journal->List(std::move(filter), {.count = 1000}, token,
                              [state = state_](Result<GroupPage> page) {
                                MutexLock lock(state->mutex);
                                state->page.emplace(std::move(page));
                                state->changed.NotifyOne();
                              });
  auto stopped = Await([](const State& state) COVEY_NO_TSA { return state.page.has_value(); });
  if (stopped) return *std::move(stopped);
  MutexLock lock(state_->mutex);
  return *std::exchange(state_->page, std::nullopt);
}

void Recovery::Load(const GroupSummary& listed) {
  size_t place = 0;
  {
    MutexLock lock(state_->mutex);
    place = state_->loaded.size();
    state_->loaded.emplace_back();
    ++state_->reading;
    ++state_->progress.found;
  }
  const std::string& id = listed.spec->id;
  const std::shared_ptr<Pool> pool = PoolOf(*listed.spec);
  LoadGroup(environment_, listed, pool, epoch_, [state = state_, place, id, pool](auto group) {
    MutexLock lock(state->mutex);
    --state->reading;
    ++state->progress.read;
    if (group.ok()) {
      state->loaded[place] = std::move(group.value());
    } else if (group.error().code == ErrorCode::kDataLoss || group.error().code == ErrorCode::kNotFound) {
      // Nobody deletes groups yet: one that is not found by its id is damaged.
      state->unread.emplace_back(Aside{.id = id, .error = Unread(id, group.error())}, pool);
    } else if (!state->failed) {
      state->failed = group.error();
    }
    state->changed.NotifyOne();
  });
}

std::shared_ptr<Pool> Recovery::PoolOf(const GroupSpec& spec) {
  if (auto pool = pools_.UseAgain(spec.pool)) return pool;
  environment_->warn("group " + spec.id + ": there is no pool " + spec.pool +
                     " any more, its tasks run in pool default");
  return pools_.UseAgain(std::string(PoolTable::kDefault));
}

// Those that go on, those that cannot, and those that the listing lags behind.
void Recovery::Sort() {
  std::vector<GroupPtr> loaded;
  std::vector<std::pair<Aside, std::shared_ptr<Pool>>> unread;
  {
    MutexLock lock(state_->mutex);
    loaded.swap(state_->loaded);
    unread.swap(state_->unread);
  }
  for (auto& [aside, pool] : unread) {
    pools_.Release(pool.get());
    aside_.push_back(std::move(aside));
  }
  std::erase(loaded, nullptr);
  std::reverse(loaded.begin(), loaded.end());  // the listing is newest first
  for (GroupPtr& group : loaded) {
    if (std::optional<Error> damage = group->damage()) {
      pools_.Release(group->pool());
      std::string id = group->id();
      aside_.push_back({.id = std::move(id), .error = *std::move(damage), .group = std::move(group)});
    } else if (group->completed()) {
      pools_.Release(group->pool());
    } else {
      groups_.push_back(std::move(group));
    }
  }
}

std::optional<Error> Recovery::Resume() {
  for (const GroupPtr& group : groups_) {
    auto stopped = Await([](const State& state) COVEY_NO_TSA { return state.resuming < kResumesAtOnce; });
    if (stopped) return stopped;
    {
      MutexLock lock(state_->mutex);
      ++state_->resuming;
    }
    group->Resume([state = state_, warn = environment_->warn, id = group->id()](std::optional<Error> error) {
      if (error) warn("group " + id + " goes on once that can be written: " + error->message);
      MutexLock lock(state->mutex);
      --state->resuming;
      ++state->progress.resumed;
      state->changed.NotifyOne();
    });
  }
  return Await([](const State& state) COVEY_NO_TSA { return state.resuming == 0; });
}

}  // namespace covey
