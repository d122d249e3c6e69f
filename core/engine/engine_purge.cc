#include <algorithm>
#include <utility>

#include "core/engine/await.h"
#include "core/engine/engine.h"

// Engine: groups that are over go, from the journal, from memory, and with what their tasks wrote. As long as one is
// on its way nobody gets its id: a new group of that id would lose its output with that of the old one.

namespace covey {
namespace {

std::string KeyOf(const std::string& id) { return "id " + id; }

Error NotOver(const std::string& id) {
  return {.code = ErrorCode::kFailedPrecondition,
          .reason = "GROUP_NOT_OVER",
          .message = "group " + id + " is not over: cancel it first"};
}

}  // namespace

void Engine::Delete(const std::string& id, Done<Void> done) {
  {
    MutexLock lock(mutex_);
    if (const std::string* taken = creating_.Taken({KeyOf(id)})) {
      creating_.Park(*taken, [this, id, done = std::move(done)] { Delete(id, done); });
      return;
    }
    creating_.Take({KeyOf(id)});
  }
  Forget({id}, /*keeps_ids=*/false, [done = std::move(done)](Result<std::vector<Result<Void>>> result) {
    done(result.ok() ? std::move(result.value().front()) : Result<Void>(result.error()));
  });
}

void Engine::Purge(std::vector<EndedGroup> groups, Done<std::vector<EndedGroup>> purged) {
  std::erase_if(groups, [this](const EndedGroup& group) {
    const GroupPtr resident = residents_.Get(group.id);
    return resident != nullptr && (resident->watched() || !resident->completed());
  });
  std::vector<std::string> ids;
  {
    MutexLock lock(mutex_);
    std::erase_if(groups, [this](const EndedGroup& group) COVEY_REQUIRES(mutex_) {
      return creating_.Taken({KeyOf(group.id)}) != nullptr;
    });
    for (const EndedGroup& group : groups) {
      creating_.Take({KeyOf(group.id)});
      ids.push_back(group.id);
    }
  }
  if (ids.empty()) return purged(std::vector<EndedGroup>());
  Forget(std::move(ids), /*keeps_ids=*/true,
         [groups = std::move(groups), purged = std::move(purged)](Result<std::vector<Result<Void>>> results) {
           if (!results.ok()) return purged(results.error());
           std::vector<EndedGroup> gone;
           std::optional<Error> refused;
           for (size_t i = 0; i < groups.size(); ++i) {
             if (const Result<Void>& result = results.value()[i]; result.ok()) {
               gone.push_back(groups[i]);
             } else if (result.error().code != ErrorCode::kNotFound) {  // somebody was faster
               refused = result.error();
             }
           }
           if (gone.empty() && refused) return purged(*std::move(refused));
           purged(std::move(gone));
         });
}

void Engine::Forget(std::vector<std::string> ids, bool keeps_ids, Done<std::vector<Result<Void>>> done) {
  const auto finish = [this, done = std::move(done)](const std::vector<std::string>& of,
                                                     Result<std::vector<Result<Void>>> results) {
    std::vector<std::string> keys;
    keys.reserve(of.size());
    for (const std::string& id : of) keys.push_back(KeyOf(id));
    std::vector<KeyTurns::Work> parked;
    {
      MutexLock lock(mutex_);
      parked = creating_.Give(keys);
    }
    done(std::move(results));
    for (const auto& again : parked) again();
  };
  // One whose end is on its way to those who wait for it: here it is not over yet.
  const GroupPtr resident = residents_.Get(ids.front());
  if (ids.size() == 1 && resident != nullptr && !resident->completed()) {
    const std::string id = ids.front();
    return finish(ids, std::vector<Result<Void>>{NotOver(id)});
  }
  std::vector<std::string> asked = ids;
  journal_->Purge(std::move(asked), keeps_ids,
                  [this, ids = std::move(ids), finish](Result<std::vector<Result<Void>>> results) {
                    std::vector<std::string> gone;
                    for (size_t i = 0; results.ok() && i < ids.size(); ++i) {
                      Result<Void>& result = results.value()[i];
                      if (result.ok()) {
                        residents_.Purged(ids[i]);
                        {
                          MutexLock lock(mutex_);
                          aside_.erase(ids[i]);  // one that was damaged
                        }
                        environment_->output->Purge(ids[i]);
                        gone.push_back(ids[i]);
                      } else if (result.error().code == ErrorCode::kFailedPrecondition) {
                        result = NotOver(ids[i]);
                      } else if (result.error().code == ErrorCode::kNotFound) {
                        result = ResidentGroups::NotFound(ids[i]);
                      }
                    }
                    if (!gone.empty()) journal_->OutputIsGone(std::move(gone));
                    finish(ids, std::move(results));
                  });
}

std::optional<Error> Engine::RemoveOrphans(const RecoveryWatcher& watcher) {
  auto orphans =
      Await<std::vector<std::string>>(watcher, [&](auto done) { journal_->Orphans(std::move(done)); });
  if (!orphans.ok()) return orphans.error();
  for (const std::string& id : orphans.value()) {
    auto head = Await<uint64_t>(watcher, [&](auto done) { journal_->Head(id, std::move(done)); });
    if (!head.ok()) return head.error();
    if (head.value() == 0) environment_->output->Purge(id);  // else there is a new group of that id
  }
  if (!orphans.value().empty()) journal_->OutputIsGone(std::move(orphans.value()));
  return std::nullopt;
}

}  // namespace covey
