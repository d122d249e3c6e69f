#include "core/engine/engine.h"

#include <algorithm>
#include <future>

#include "core/engine/uuid.h"

namespace covey {
namespace {

constexpr size_t kReadPage = 2000;

// Blocks for one answer.
template <typename T, typename Call>
Result<T> Await(Call call) {
  auto promise = std::make_shared<std::promise<Result<T>>>();  // shared: it may outlive the wait for a moment
  call([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return promise->get_future().get();
}

}  // namespace

// With what may be left to its default.
Engine::Options Engine::Completed(Options options) {
  if (options.timers == nullptr) options.timers = TimerQueue::Default();
  if (!options.wall_clock) {
    options.wall_clock = [] {
      return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    };
  }
  if (!options.warn) options.warn = [](const std::string&) {};
  return options;
}

Engine::Engine(Options options)
    : options_(Completed(std::move(options))),
      journal_(options_.journal),
      capabilities_(journal_->capabilities()),
      residents_(options_.resident_groups, options_.resident_tasks) {
  environment_ = std::make_shared<GroupEnvironment>();
  environment_->journal = journal_;
  environment_->output = options_.output;
  environment_->answers = std::make_shared<AnswerQueue>(options_.answers);
  environment_->queue =
      Budget::New({.place = "the queue", .tasks_key = "max_queued", .bytes_key = "max_queued_bytes"},
                  options_.max_queued);
  environment_->executors = options_.executors;
  environment_->timers = options_.timers;
  environment_->wall_clock = options_.wall_clock;
  environment_->on_events = [this] { OnEvents(); };
  environment_->on_completed = [this](const std::string& id) { OnCompleted(id); };
  environment_->warn = options_.warn;
  journal_->OnBatch([answers = environment_->answers] { answers->Flush(); });
  pools_ = std::make_unique<PoolTable>(journal_, options_.timers, options_.pools, options_.warn);
}

Engine::~Engine() {
  environment_->answers->Stop();  // what it carries out calls back here
  residents_.Clear();
}

std::optional<Error> Engine::Recover() {
  if (!parked()) {
    auto epoch = Await<uint64_t>([&](auto done) { journal_->Acquire({}, std::move(done)); });
    if (!epoch.ok()) return epoch.error();
    epoch_ = epoch.value();
  }

  auto stored = Await<std::vector<StoredPool>>([&](auto done) { journal_->Pools(std::move(done)); });
  if (!stored.ok()) return stored.error();
  pools_->Recover(std::move(stored.value()));

  std::vector<GroupPtr> unfinished;
  std::string token;
  do {
    auto page = Await<GroupPage>([&](auto done) {
      GroupFilter filter;
      filter.phases = {GroupPhase::kRunning, GroupPhase::kStopping};
      journal_->List(std::move(filter), 1000, token, std::move(done));
    });
    if (!page.ok()) return page.error();
    if (!page.value().damaged.empty()) return page.value().damaged.front().error;
    for (const GroupSummary& summary : page.value().groups) {
      auto loaded =
          Await<GroupPtr>([&](auto done) { Load(summary.spec, PoolOf(*summary.spec), std::move(done)); });
      if (!loaded.ok()) return loaded.error();
      if (loaded.value()->completed()) {  // the listing lags
        pools_->Release(loaded.value()->pool());
        continue;
      }
      unfinished.push_back(loaded.value());
      residents_.Add(loaded.value());
    }
    token = page.value().next;
  } while (!token.empty());

  if (parked()) return std::nullopt;
  std::reverse(unfinished.begin(), unfinished.end());  // oldest first: they waited longest
  for (const GroupPtr& group : unfinished) {
    auto resumed = Await<Void>([&](auto done) {
      group->Resume([done](std::optional<Error> error) { error ? done(std::move(*error)) : done(Void{}); });
    });
    if (!resumed.ok()) return resumed.error();
  }
  pools_->RemoveUnused();
  return std::nullopt;
}

std::shared_ptr<Pool> Engine::PoolOf(const GroupSpec& spec) {
  if (auto pool = pools_->UseAgain(spec.pool)) return pool;
  options_.warn("group " + spec.id + ": there is no pool " + spec.pool +
                " any more, its tasks run in pool default");
  return pools_->UseAgain(std::string(PoolTable::kDefault));
}

// -------------------------------------------------------------------------------------------------------------
// Making groups

void Engine::CreateGroup(Create create, Done<GroupPtr> done) {
  std::vector<std::string> keys;
  if (!create.spec.id.empty()) keys.push_back("id " + create.spec.id);
  if (!create.request.id.empty()) keys.push_back("request " + create.request.id);
  {
    MutexLock lock(mutex_);
    for (const std::string& key : keys) {
      const auto busy = creating_.find(key);
      if (busy == creating_.end()) continue;
      busy->second.push_back([this, create = std::move(create), done = std::move(done)]() mutable {
        CreateGroup(std::move(create), std::move(done));
      });
      return;
    }
    for (const std::string& key : keys) creating_[key];
  }
  if (keys.empty()) {
    CreateChecked(std::move(create), std::move(done));
    return;
  }
  LookUp(std::move(create), [this, keys, done = std::move(done)](Result<GroupPtr> result) {
    std::vector<std::function<void()>> parked;
    {
      MutexLock lock(mutex_);
      for (const std::string& key : keys) {
        auto& waiting = creating_[key];
        std::move(waiting.begin(), waiting.end(), std::back_inserter(parked));
        creating_.erase(key);
      }
    }
    done(std::move(result));
    for (const auto& again : parked) again();
  });
}

// A create that may have been made before, or whose id may be taken.
void Engine::LookUp(Create create, Done<GroupPtr> done) {
  const auto by_id = [this](Create what, Done<GroupPtr> answer) {
    if (what.spec.id.empty()) {
      CreateChecked(std::move(what), std::move(answer));
      return;
    }
    const std::string id = what.spec.id;
    journal_->Head(id,
                   [this, what = std::move(what), answer = std::move(answer)](Result<uint64_t> head) mutable {
                     if (!head.ok()) {
                       answer(head.error());
                     } else if (head.value() > 0) {
                       answer(Error{.code = ErrorCode::kAlreadyExists,
                                    .reason = "GROUP_EXISTS",
                                    .message = "group " + what.spec.id + " exists already"});
                     } else {
                       CreateChecked(std::move(what), std::move(answer));
                     }
                   });
  };
  if (create.request.id.empty()) {
    by_id(std::move(create), std::move(done));
    return;
  }
  const std::string request = create.request.id;
  journal_->FindRequest(request, [this, by_id, create = std::move(create),
                                  done = std::move(done)](Result<std::string> found) mutable {
    if (!found.ok()) {
      done(found.error());
      return;
    }
    if (found.value().empty()) {
      by_id(std::move(create), std::move(done));
      return;
    }
    Find(found.value(), [fingerprint = create.request.fingerprint, id = create.request.id,
                         done = std::move(done)](Result<GroupPtr> group) {
      const std::shared_ptr<const RequestMark> creation = group.ok() ? group.value()->creation() : nullptr;
      if (group.ok() && (creation == nullptr || creation->id != id)) {  // a later group of that id
        done(Error{.code = ErrorCode::kNotFound,
                   .reason = "GROUP_NOT_FOUND",
                   .message = "the group that this request made was deleted: " + group.value()->id()});
        return;
      }
      if (creation != nullptr && creation->fingerprint != fingerprint) {
        done(Error{.code = ErrorCode::kInvalidArgument,
                   .reason = "REQUEST_ID_REUSED",
                   .message = "request_id was used with other content",
                   .fields = {{"request_id", "must be new for other content, got " + id}}});
        return;
      }
      done(std::move(group));
    });
  });
}

void Engine::CreateChecked(Create create, Done<GroupPtr> done) {
  const WallTime now = options_.wall_clock();
  if (create.spec.id.empty()) create.spec.id = NewUuid();
  if (create.spec.timeout > std::chrono::nanoseconds(0)) {
    create.spec.deadline = now + std::chrono::ceil<std::chrono::microseconds>(create.spec.timeout);
  }
  Result<std::shared_ptr<Pool>> pool = pools_->Use(create.spec.pool);
  if (!pool.ok()) {
    done(pool.error());
    return;
  }
  auto group = DurableGroup::New(environment_, std::make_shared<const GroupSpec>(std::move(create.spec)),
                                 pool.value(), epoch_);
  {
    MutexLock lock(mutex_);
    if (draining_ || stopping_) {
      Error refusal = stopping_ ? RefusedByStop()
                                : Error{.code = ErrorCode::kUnavailable,
                                        .reason = "DRAINING",
                                        .message = "the daemon is draining and accepts no new groups"};
      lock.Unlock();
      pools_->Release(group->pool());
      done(std::move(refusal));
      return;
    }
    residents_.Add(group);
  }
  group->Create(std::move(create.tasks), create.seal, std::move(create.request),
                [this, group, done = std::move(done)](std::optional<Error> error) {
                  if (!error) {
                    done(group);
                    return;
                  }
                  residents_.Remove(group);
                  pools_->Release(group->pool());
                  done(std::move(*error));
                });
}

// -------------------------------------------------------------------------------------------------------------
// Finding groups

void Engine::Find(const std::string& id, Done<GroupPtr> done) {
  residents_.Find(
      id, [this](const std::string& absent, Done<GroupPtr> answer) { Read(absent, std::move(answer)); },
      std::move(done));
}

void Engine::Read(const std::string& id, Done<GroupPtr> done) {
  journal_->Find(id, [this, id, done = std::move(done)](Result<GroupSummary> summary) mutable {
    if (!summary.ok()) {
      done(summary.error().code == ErrorCode::kNotFound ? ResidentGroups::NotFound(id) : summary.error());
    } else if (!summary.value().state.completed) {
      done(ResidentGroups::NotFound(id));  // all that are not over are resident: it is being created
    } else {
      Load(summary.value().spec, nullptr, std::move(done));
    }
  });
}

void Engine::Load(std::shared_ptr<const GroupSpec> spec, std::shared_ptr<Pool> pool, Done<GroupPtr> done) {
  LoadPage(DurableGroup::New(environment_, std::move(spec), std::move(pool), epoch_), 1, std::move(done));
}

void Engine::LoadPage(GroupPtr group, uint64_t from, Done<GroupPtr> done) {
  const std::string id = group->id();
  journal_->Read(id, from, kReadPage,
                 [this, group = std::move(group), from,
                  done = std::move(done)](Result<std::vector<Record>> page) mutable {
                   if (!page.ok()) {
                     done(page.error());
                     return;
                   }
                   const size_t size = page.value().size();
                   auto batch = std::make_shared<const Batch>(std::move(page.value()));
                   if (auto error = size == 0 ? std::nullopt : group->Replay(std::move(batch))) {
                     done(*std::move(error));
                   } else if (size < kReadPage) {
                     done(std::move(group));
                   } else {
                     LoadPage(std::move(group), from + kReadPage, std::move(done));
                   }
                 });
}

void Engine::List(GroupFilter filter, size_t limit, std::string token, Done<GroupPage> done) {
  journal_->List(std::move(filter), limit, std::move(token),
                 [this, done = std::move(done)](Result<GroupPage> page) {
                   if (page.ok()) {
                     for (const DamagedGroup& damaged : page.value().damaged)
                       options_.warn("a group cannot be listed: " + damaged.error.message);
                     for (GroupSummary& summary : page.value().groups) {
                       const GroupPtr live = residents_.Get(summary.spec->id);
                       if (live != nullptr && live->View().last_number > 0) summary = live->View();
                     }
                   }
                   done(std::move(page));
                 });
}

void Engine::Delete(const std::string& id, Done<Void> done) {
  Find(id, [this, id, done = std::move(done)](Result<GroupPtr> group) {
    if (!group.ok()) {
      done(group.error());
      return;
    }
    if (!group.value()->completed()) {
      done(Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "GROUP_NOT_OVER",
                 .message = "group " + id + " is not over: cancel it first"});
      return;
    }
    journal_->Purge(id, /*keeps_id=*/false, [this, id, done](Result<Void> purged) {
      if (purged.ok()) {
        residents_.Purged(id);
        environment_->output->Purge(id);
      }
      done(std::move(purged));
    });
  });
}

void Engine::ReadEvents(const GroupPtr& group, uint64_t after, size_t limit, Done<EventPage> done) {
  if (auto recent = group->RecentEvents(after, limit)) {
    done(std::move(*recent));
    return;
  }
  journal_->Read(
      group->id(), after + 1, limit,
      [group, after, done = std::move(done)](Result<std::vector<Record>> records) {
        if (!records.ok()) {
          done(records.error());
          return;
        }
        EventPage page{.through = after};
        if (const size_t count = records.value().size(); count > 0) {
          page.through = records.value().back().number;
          page.slices.push_back({.batch = std::make_shared<const Batch>(std::move(records.value())),
                                 .first = 0,
                                 .count = count});
        }
        const GroupView view = group->View();
        // Nothing more of a group that was deleted meanwhile either.
        page.completed = view.state.completed && (page.through >= view.last_number || page.slices.empty());
        done(std::move(page));
      });
}

uint64_t Engine::WatchAll(std::function<void()> notify) {
  MutexLock lock(mutex_);
  const uint64_t id = next_watch_++;
  watchers_.emplace(id, std::move(notify));
  return id;
}

void Engine::UnwatchAll(uint64_t id) {
  MutexLock lock(mutex_);
  watchers_.erase(id);
}

void Engine::OnEvents() {
  std::vector<std::function<void()>> watchers;
  {
    MutexLock lock(mutex_);
    if (watchers_.empty()) return;
    for (const auto& [id, notify] : watchers_) watchers.push_back(notify);
  }
  for (const auto& notify : watchers) notify();
}

// -------------------------------------------------------------------------------------------------------------
// Ends

void Engine::OnCompleted(const std::string& id) {
  if (const GroupPtr group = residents_.Completed(id)) pools_->Release(group->pool());
}

void Engine::BeginDrain() {
  MutexLock lock(mutex_);
  draining_ = true;
}

std::optional<Error> Engine::EndDrain() {
  MutexLock lock(mutex_);
  if (stopping_) return RefusedByStop();
  draining_ = false;
  return std::nullopt;
}

bool Engine::draining() const {
  MutexLock lock(mutex_);
  return draining_ || stopping_;
}

void Engine::BeginStop(bool suspend) {
  {
    MutexLock lock(mutex_);
    stopping_ = true;  // no group is added from here on
  }
  for (const GroupPtr& group : residents_.All()) group->BeginStop(suspend);
}

std::vector<Engine::GroupPtr> Engine::Busy() const {
  if (parked()) return {};  // what is said to run does so elsewhere, if at all
  std::vector<GroupPtr> groups = residents_.All();
  std::erase_if(groups, [](const GroupPtr& group) { return !group->busy(); });
  return groups;
}

Engine::Counts Engine::counts() const {
  Counts counts;
  counts.running_groups = static_cast<uint32_t>(residents_.running());
  counts.queued_tasks = queue_usage().used.tasks;
  for (const PoolView& pool : pools_->List()) counts.running_tasks += pool.running;
  return counts;
}

}  // namespace covey
