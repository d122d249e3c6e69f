#include "core/engine/engine.h"

#include <algorithm>

#include "core/engine/await.h"
#include "core/engine/load_group.h"
#include "core/engine/uuid.h"

namespace covey {
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
      residents_(options_.resident_groups, options_.resident_bytes),
      over_groups_(journal_) {
  environment_ = std::make_shared<GroupEnvironment>();
  environment_->journal = journal_;
  environment_->output = options_.output;
  environment_->answers = std::make_shared<AnswerQueue>(options_.answers);
  environment_->queue =
      Budget::New({.place = "the queue", .tasks_key = "max_queued", .bytes_key = "max_queued_bytes"},
                  options_.max_queued);
  environment_->memory = Budget::New("the memory of groups", {.bytes = options_.group_bytes});
  environment_->executors = options_.executors;
  environment_->timers = options_.timers;
  environment_->wall_clock = options_.wall_clock;
  gate_ = std::make_shared<CallbackGate>();
  environment_->on_events = [this, gate = gate_] { gate->Pass([this] { OnEvents(); }); };
  environment_->on_completed = [this, gate = gate_](const std::string& id) {
    gate->Pass([this, &id] { OnCompleted(id); });
  };
  environment_->warn = options_.warn;
  environment_->fold_after = options_.fold_after;
  environment_->activity = options_.activity;
  environment_->counts = std::make_shared<EngineCounts>();
  environment_->counting = options_.counts;
  environment_->parked = environment_->journal_fails = parked();
  journal_->OnBatch([answers = environment_->answers] { answers->Flush(); });
  pools_ = std::make_unique<PoolTable>(journal_, options_.timers, options_.pools, options_.warn);
}

Engine::~Engine() {
  environment_->answers->Stop();
  gate_->Close();
  residents_.Clear();
}

std::optional<Error> Engine::Recover(RecoveryWatcher watcher) {
  if (!parked()) {
    auto epoch = Await<uint64_t>(watcher, [&](auto done) { journal_->Acquire({}, std::move(done)); });
    if (!epoch.ok()) return epoch.error();
    epoch_ = epoch.value();
  }

  auto stored = Await<std::vector<StoredPool>>(watcher, [&](auto done) { journal_->Pools(std::move(done)); });
  if (!stored.ok()) return stored.error();
  pools_->Recover(std::move(stored.value()));

  Recovery recovery(environment_, *pools_, epoch_, watcher);
  if (auto error = recovery.Read()) return error;
  for (const Recovery::Aside& aside : recovery.aside()) {
    options_.warn("a group is set aside, it cannot be read: " + aside.error.message);
    MutexLock lock(mutex_);
    aside_.emplace(aside.id, aside);
  }
  for (const GroupPtr& group : recovery.groups()) residents_.Add(group);
  if (parked()) return std::nullopt;
  if (auto error = RemoveOrphans(watcher)) return error;
  if (auto error = recovery.Resume()) return error;
  pools_->RemoveUnused();
  return std::nullopt;
}

// -------------------------------------------------------------------------------------------------------------
// Making groups

void Engine::CreateGroup(Create create, Done<GroupPtr> done) {
  std::vector<std::string> keys;
  if (!create.spec.id.empty()) keys.push_back("id " + create.spec.id);
  if (!create.request.id.empty()) keys.push_back("request " + create.request.id);
  {
    MutexLock lock(mutex_);
    if (const std::string* taken = creating_.Taken(keys)) {
      creating_.Park(*taken, [this, create = std::move(create), done = std::move(done)]() mutable {
        CreateGroup(std::move(create), std::move(done));
      });
      return;
    }
    creating_.Take(keys);
  }
  if (keys.empty()) {
    CreateChecked(std::move(create), std::move(done));
    return;
  }
  LookUp(std::move(create), [this, keys, done = std::move(done)](Result<GroupPtr> result) {
    std::vector<KeyTurns::Work> parked;
    {
      MutexLock lock(mutex_);
      parked = creating_.Give(keys);
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
  const bool named = !create.spec.id.empty();
  if (!named) create.spec.id = NewUuid();
  if (create.spec.timeout > std::chrono::nanoseconds(0)) {
    create.spec.deadline = now + std::chrono::ceil<std::chrono::microseconds>(create.spec.timeout);
  }
  Result<std::shared_ptr<Pool>> pool = pools_->Use(create.spec.pool);
  if (!pool.ok()) {
    done(pool.error());
    return;
  }
  // There is no such group: what may be there of its name is of one whose journal was lost, or whose deletion
  // was cut short.
  if (named) environment_->output->Purge(create.spec.id);
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
  FindReadable(id, [done = std::move(done)](Result<GroupPtr> group) {
    if (group.ok()) {
      if (std::optional<Error> damage = group.value()->damage()) return done(*std::move(damage));
    }
    done(std::move(group));
  });
}

void Engine::FindReadable(const std::string& id, Done<GroupPtr> done) {
  residents_.Find(
      id, [this](const std::string& absent, Done<GroupPtr> answer) { Read(absent, std::move(answer)); },
      std::move(done));
}

void Engine::FindWhole(const std::string& id, Done<GroupPtr> done) {
  Listed(id, [this, done = std::move(done)](Result<GroupSummary> summary) mutable {
    if (!summary.ok()) return done(summary.error());
    LoadGroup(environment_, summary.value(), nullptr, epoch_, std::move(done));
  });
}

void Engine::Read(const std::string& id, Done<GroupPtr> done) {
  {
    MutexLock lock(mutex_);
    if (const auto found = aside_.find(id); found != aside_.end()) {
      const Recovery::Aside aside = found->second;
      lock.Unlock();
      return done(aside.group != nullptr ? Result<GroupPtr>(aside.group) : aside.error);
    }
  }
  Listed(id, [this, done = std::move(done)](Result<GroupSummary> summary) mutable {
    if (!summary.ok()) return done(summary.error());
    if (summary.value().state.submitted > options_.whole_tasks)
      return OutlineGroup(environment_, summary.value(), std::move(done));
    LoadGroup(environment_, summary.value(), nullptr, epoch_, std::move(done));
  });
}

void Engine::Listed(const std::string& id, Done<GroupSummary> done) {
  journal_->Find(id, [id, done = std::move(done)](Result<GroupSummary> summary) {
    if (!summary.ok()) {
      done(summary.error().code == ErrorCode::kNotFound ? ResidentGroups::NotFound(id) : summary.error());
    } else if (!summary.value().state.completed) {
      done(ResidentGroups::NotFound(id));
    } else {
      done(std::move(summary));
    }
  });
}

void Engine::Look(const std::string& id, Done<GroupSummary> done) {
  if (const GroupPtr resident = residents_.Get(id)) {
    GroupSummary view = resident->View();
    // One whose creation is not durable yet does not exist for others.
    return done(view.last_number == 0 ? Result<GroupSummary>(ResidentGroups::NotFound(id)) : std::move(view));
  }
  {
    MutexLock lock(mutex_);
    if (const auto found = aside_.find(id); found != aside_.end()) {
      const Error error = found->second.error;
      lock.Unlock();
      return done(error);
    }
  }
  Listed(id, std::move(done));
}

void Engine::List(GroupFilter filter, PageLimit limit, std::string token, Done<GroupPage> done) {
  journal_->List(std::move(filter), limit, std::move(token),
                 [this, done = std::move(done)](Result<GroupPage> page) {
                   if (page.ok()) Amend(page.value());
                   done(std::move(page));
                 });
}

// As the groups stand now, and without what the journal says of those that it cannot tell to the end.
void Engine::Amend(GroupPage& page) const {
  std::vector<GroupSummary> groups;
  for (GroupSummary& summary : page.groups) {
    {
      MutexLock lock(mutex_);
      if (const auto found = aside_.find(summary.spec->id); found != aside_.end()) {
        page.damaged.push_back({.group = found->first, .error = found->second.error});
        continue;
      }
    }
    const GroupPtr live = residents_.Get(summary.spec->id);
    groups.push_back(live != nullptr && live->View().last_number > 0 ? live->View() : std::move(summary));
  }
  page.groups = std::move(groups);
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

// Of many groups, most of the time: their watchers are told once for all of them.
void Engine::OnEvents() {
  {
    MutexLock lock(mutex_);
    if (watchers_.empty() || notice_owed_) return;
    notice_owed_ = true;
  }
  environment_->answers->PostLast([this, gate = gate_] { gate->Pass([this] { TellWatchers(); }); });
}

void Engine::TellWatchers() {
  std::vector<std::function<void()>> watchers;
  {
    MutexLock lock(mutex_);
    notice_owed_ = false;
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

size_t Engine::set_aside() const {
  MutexLock lock(mutex_);
  return aside_.size();
}

Engine::Counts Engine::counts() const {
  Counts counts;
  counts.running_groups = static_cast<uint32_t>(residents_.running());
  counts.queued_tasks = queue_usage().used.tasks;
  for (const PoolView& pool : pools_->List()) counts.running_tasks += pool.running;
  return counts;
}

}  // namespace covey
