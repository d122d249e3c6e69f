#include "core/engine/load_group.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/engine/resident_groups.h"

namespace covey {
namespace {

constexpr PageLimit kReadPage{.count = 2000};

using Done = std::function<void(Result<std::shared_ptr<DurableGroup>>)>;

// One load: held by the read that is under way.
struct GroupLoad {
  std::shared_ptr<const GroupEnvironment> environment;
  std::shared_ptr<DurableGroup> group;
  uint64_t head;  // the newest event as listed
  Done done;
};

void ReadPage(std::shared_ptr<GroupLoad> load, uint64_t from);

// All is folded. What runs needs its spec.
void Finish(const std::shared_ptr<GroupLoad>& load) {
  const uint64_t missing = load->group->MissingSpec();
  if (missing == 0) return load->done(load->group);
  load->environment->journal->Read(
      load->group->id(), missing, {.count = 1}, [load, missing](Result<std::vector<Record>> records) {
        if (!records.ok()) return load->done(records.error());
        load->group->TakeSpecs(records.value());
        if (load->group->MissingSpec() != missing) return Finish(load);
        load->group->SetDamage(EventsMissing(load->group->id(), missing, missing));
        load->done(load->group);
      });
}

// Events that were listed are not there: they are lost, or the group was deleted meanwhile.
void OnMissing(const std::shared_ptr<GroupLoad>& load, uint64_t from) {
  load->environment->journal->Head(load->group->id(), [load, from](Result<uint64_t> head) {
    if (!head.ok()) return load->done(head.error());
    if (head.value() == 0) return load->done(ResidentGroups::NotFound(load->group->id()));
    load->group->SetDamage(EventsMissing(load->group->id(), from, load->head));
    load->done(load->group);
  });
}

void OnPage(const std::shared_ptr<GroupLoad>& load, uint64_t from, Result<std::vector<Record>> page) {
  if (!page.ok()) {
    if (page.error().code != ErrorCode::kDataLoss) return load->done(page.error());
    load->group->SetDamage(page.error());
    return load->done(load->group);
  }
  const size_t size = page.value().size();
  if (size == 0 && from > load->head) return Finish(load);
  if (size == 0) return OnMissing(load, from);
  // What does not follow is damage, which the group keeps.
  if (!load->group->Replay(std::make_shared<const Batch>(std::move(page.value())))) {
    return load->done(load->group);
  }
  const uint64_t next = from + size;
  // What was listed has been read. More may have come since; a full page asks for it.
  if (size < kReadPage.count && next > load->head) return Finish(load);
  ReadPage(load, next);
}

void ReadPage(std::shared_ptr<GroupLoad> load, uint64_t from) {
  const GroupLoad& what = *load;
  what.environment->journal->Read(
      what.group->id(), from, kReadPage,
      [load = std::move(load), from](auto page) { OnPage(load, from, std::move(page)); });
}

// One that is damaged, or of a build that keeps more, is no loss: the events tell what it does.
void OnSnapshot(const std::shared_ptr<GroupLoad>& load, Result<std::optional<Snapshot>> read) {
  if (!read.ok() && read.error().code != ErrorCode::kDataLoss) return load->done(read.error());
  if (!read.ok() || !read.value()) return ReadPage(load, 1);
  const std::optional<GroupSnapshot> snapshot = DecodeGroupSnapshot(read.value()->bytes);
  if (!snapshot || snapshot->number != read.value()->number) return ReadPage(load, 1);
  load->group->Restore(*snapshot);
  load->head = std::max(load->head, snapshot->number);
  ReadPage(load, snapshot->next_event);
}

}  // namespace

void LoadGroup(std::shared_ptr<const GroupEnvironment> environment, const GroupSummary& listed,
               std::shared_ptr<Pool> pool, uint64_t epoch, Done done) {
  const bool goes_on = pool != nullptr;
  auto load = std::make_shared<GroupLoad>(
      GroupLoad{.environment = environment,
                .group = DurableGroup::New(environment, listed.spec, std::move(pool), epoch),
                .head = listed.last_number,
                .done = std::move(done)});
  if (!goes_on) return ReadPage(std::move(load), 1);  // all of its tasks will be asked for
  environment->journal->ReadSnapshot(
      load->group->id(), [load](Result<std::optional<Snapshot>> read) { OnSnapshot(load, std::move(read)); });
}

// The decision among the events from `from` on; null: it is not there, or cannot be read.
void FindDecision(const std::shared_ptr<const GroupEnvironment>& environment, const std::string& group,
                  uint64_t from, std::function<void(std::shared_ptr<const Record>)> done) {
  environment->journal->Read(
      group, from, kReadPage,
      [environment, group, from, done = std::move(done)](const Result<std::vector<Record>>& page) {
        if (!page.ok() || page.value().empty()) return done(nullptr);
        for (const Record& record : page.value()) {
          if (record.event.kind == state::EventKind::kGroupDecided)
            return done(std::make_shared<const Record>(record));
        }
        FindDecision(environment, group, from + page.value().size(), done);
      });
}

void OutlineGroup(std::shared_ptr<const GroupEnvironment> environment, const GroupSummary& listed,
                  Done done) {
  const auto& journal = environment->journal;
  journal->Read(listed.spec->id, 1, {.count = 1},
                [environment, listed, done = std::move(done)](Result<std::vector<Record>> first) {
                  if (!first.ok() && first.error().code != ErrorCode::kDataLoss) return done(first.error());
                  if (!first.ok() || first.value().empty())
                    return LoadGroup(environment, listed, nullptr, 0, done);
                  // Unless very much ran when it came it is among these; else it is not told who decided.
                  constexpr uint64_t kLast = 2000;
                  const uint64_t from = listed.last_number > kLast ? listed.last_number - kLast + 1 : 1;
                  FindDecision(environment, listed.spec->id, from,
                               [environment, listed, done, creation = first.value().front().request](
                                   const std::shared_ptr<const Record>& decision) {
                                 auto group = DurableGroup::New(environment, listed.spec, nullptr, 0);
                                 group->RestoreOver(listed, creation, decision);
                                 done(std::move(group));
                               });
                });
}

}  // namespace covey
