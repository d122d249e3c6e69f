#include "core/engine/over_groups.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/engine/group_ledger.h"
#include "core/engine/resident_groups.h"

namespace covey {

// Events of one group that pass by, from number `next` on.
struct OverGroups::Scan {
  GroupSummary group;
  uint64_t next = 1;
  // False: it has all that it wants.
  std::function<bool(const std::vector<Record>& records)> take;
  std::function<void(std::optional<Error>)> done;
};

// A window on its way, smaller each time that it was too large.
struct OverGroups::WindowRead {
  FoldedTasks tasks;
  uint32_t first;
  uint32_t count;
  Done<WindowPtr> done;
};

void OverGroups::TakeTurn(std::function<void()> turn) {
  {
    MutexLock lock(mutex_);
    if (reading_) {
      waiting_.push_back(std::move(turn));
      return;
    }
    reading_ = true;
  }
  turn();
}

void OverGroups::EndTurn() {
  std::function<void()> next;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty()) {
      reading_ = false;
      return;
    }
    next = std::move(waiting_.front());
    waiting_.pop_front();
  }
  next();
}

OverGroups::WindowPtr OverGroups::FindKept(const GroupSummary& group, uint32_t task) {
  MutexLock lock(mutex_);
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.group == group.spec->id && kept.created == group.created && kept.window->Has(task);
  });
  if (found == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found);
  return found->window;
}

void OverGroups::Keep(const GroupSummary& group, WindowPtr window) {
  MutexLock lock(mutex_);
  kept_.push_front({.group = group.spec->id, .created = group.created, .window = std::move(window)});
  if (kept_.size() > kKept) kept_.pop_back();
}

uint64_t OverGroups::BeginningOf(const GroupSummary& group, uint32_t first) {
  MutexLock lock(mutex_);
  uint64_t beginning = 1;
  for (const Kept& kept : kept_) {
    if (kept.group == group.spec->id && kept.created == group.created && kept.window->end() <= first)
      beginning = std::max(beginning, kept.window->next_event());
  }
  return beginning;
}

void OverGroups::Tasks(GroupSummary group, uint32_t first, Done<WindowPtr> done) {
  const uint32_t end = group.state.submitted;
  Folded({.group = std::move(group), .end = end, .open = {}}, first, std::move(done));
}

void OverGroups::Folded(FoldedTasks tasks, uint32_t first, Done<WindowPtr> done) {
  TakeTurn([this, tasks = std::move(tasks), first, done = std::move(done)]() mutable {
    if (WindowPtr kept = FindKept(tasks.group, first)) {  // also read by whoever had the turn before
      EndTurn();
      return done(std::move(kept));
    }
    const uint32_t count = std::min(kTasks, tasks.end - first);
    ReadWindow(std::make_shared<WindowRead>(
        WindowRead{.tasks = std::move(tasks), .first = first, .count = count, .done = std::move(done)}));
  });
}

void OverGroups::ReadWindow(std::shared_ptr<WindowRead> read) {
  const GroupSummary& group = read->tasks.group;
  const uint32_t end = read->first + read->count;
  const std::vector<uint32_t>& all_open = read->tasks.open;
  const auto open = static_cast<size_t>(std::lower_bound(all_open.begin(), all_open.end(), end) -
                                        std::lower_bound(all_open.begin(), all_open.end(), read->first));
  auto window = std::make_shared<TaskWindow>(read->first, end, open);
  auto scan = std::make_shared<Scan>(Scan{.group = group,
                                          .next = std::max(read->tasks.from, BeginningOf(group, read->first)),
                                          .take = {},
                                          .done = {}});
  auto follows = std::make_shared<bool>(true);
  const bool is_last = end == read->tasks.end;
  scan->take = [window, follows, is_last](const std::vector<Record>& records) {
    *follows = window->Fold(records);
    return *follows && window->bytes() <= kBytes &&
           !(window->settled() && (is_last || window->next_event() != 0));
  };
  scan->done = [this, window, follows, read, open](std::optional<Error> error) {
    if (!error && window->bytes() > kBytes && read->count > 1) {
      read->count /= 2;
      return ReadWindow(read);
    }
    if (!error && !(*follows && window->complete())) {
      const GroupSummary& damaged = read->tasks.group;
      error = EventsMissing(damaged.spec->id, 1, damaged.last_number);
      error->message =
          "group " + damaged.spec->id + ": the events of its tasks do not follow from each other";
    }
    if (!error && open == 0) Keep(read->tasks.group, window);  // what of it is open does not stay as it is
    EndTurn();
    read->done(error ? Result<WindowPtr>(*std::move(error)) : Result<WindowPtr>(window));
  };
  ReadOn(std::move(scan));
}

void OverGroups::Find(GroupSummary group, std::string name, Done<std::optional<uint32_t>> done) {
  TakeTurn([this, group = std::move(group), name = std::move(name), done = std::move(done)] {
    auto found = std::make_shared<std::optional<uint32_t>>();
    auto scan = std::make_shared<Scan>(Scan{.group = group, .next = 1, .take = {}, .done = {}});
    scan->take = [found, name](const std::vector<Record>& records) {
      const auto record = std::find_if(records.begin(), records.end(), [&name](const Record& each) {
        return each.event.kind == state::EventKind::kTaskSubmitted && each.task_name == name;
      });
      if (record != records.end()) *found = record->event.task;
      return record == records.end();
    };
    scan->done = [this, found, done](std::optional<Error> error) {
      EndTurn();
      done(error ? Result<std::optional<uint32_t>>(*std::move(error))
                 : Result<std::optional<uint32_t>>(*found));
    };
    ReadOn(std::move(scan));
  });
}

void OverGroups::End(GroupSummary group, Done<GroupEnd> done) {
  auto end = std::make_shared<GroupEnd>();
  end->group = group;
  const size_t wanted = std::min<size_t>(group.state.failed, GroupEnd::kMaxFailures);
  if (wanted == 0) return done(std::move(*end));
  TakeTurn([this, group = std::move(group), end, wanted, done = std::move(done)] {
    auto scan = std::make_shared<Scan>(Scan{.group = group, .next = 1, .take = {}, .done = {}});
    scan->take = [end, wanted](const std::vector<Record>& records) {
      for (const Record& record : records) {
        if (record.event.kind != state::EventKind::kTaskExited || record.failure == nullptr ||
            record.event.result != state::Ending::kFailed)
          continue;
        end->failures.push_back(record.failure);
        if (end->failures.size() == wanted) return false;
      }
      return true;
    };
    scan->done = [this, end, done](std::optional<Error> error) {
      EndTurn();
      done(error ? Result<GroupEnd>(*std::move(error)) : Result<GroupEnd>(std::move(*end)));
    };
    ReadOn(std::move(scan));
  });
}

void OverGroups::ReadOn(std::shared_ptr<Scan> scan) {
  constexpr PageLimit kPage{.count = 2000};
  const Scan& what = *scan;
  journal_->Read(what.group.spec->id, what.next, kPage,
                 [this, scan = std::move(scan)](auto page) { OnPage(scan, std::move(page)); });
}

void OverGroups::OnPage(const std::shared_ptr<Scan>& scan, Result<std::vector<Record>> page) {
  if (!page.ok()) return scan->done(page.error());
  if (page.value().empty()) return OnMissing(scan);
  scan->next += page.value().size();
  if (!scan->take(page.value()) || scan->next > scan->group.last_number) return scan->done(std::nullopt);
  ReadOn(scan);
}

// Events that were listed are not there: they are lost, or the group was deleted meanwhile.
void OverGroups::OnMissing(const std::shared_ptr<Scan>& scan) {
  const std::string& id = scan->group.spec->id;
  journal_->Head(id, [scan, id](Result<uint64_t> head) {
    if (!head.ok()) return scan->done(head.error());
    if (head.value() == 0) return scan->done(ResidentGroups::NotFound(id));
    scan->done(EventsMissing(id, scan->next, scan->group.last_number));
  });
}

}  // namespace covey
