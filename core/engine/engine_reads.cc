#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/task_block.h"

// Engine: reads of groups, in memory or in the journal.

namespace covey {
namespace {

void AddRead(EventPage& page, std::vector<Record> records) {
  const size_t count = records.size();
  if (count == 0) return;
  page.through = records.back().number;
  page.slices.push_back(
      {.batch = std::make_shared<const Batch>(std::move(records)), .first = 0, .count = count});
}

// The tasks of a block, with those that have followed late in their places.
std::optional<std::vector<BlockTask>> Assemble(const std::vector<TaskBlock>& blocks) {
  std::optional<std::vector<BlockTask>> tasks = DecodeTasks(blocks.front().bytes);
  if (!tasks) return std::nullopt;
  for (size_t i = 1; i < blocks.size(); ++i) {
    const uint32_t at = blocks[i].first - blocks.front().first;
    if (at >= tasks->size()) continue;
    std::optional<std::vector<BlockTask>> late = DecodeTasks(blocks[i].bytes);
    if (!late || late->size() != 1) return std::nullopt;
    (*tasks)[at] = std::move(late->front());
  }
  return tasks;
}

}  // namespace

void Engine::FindOrLook(const std::string& id, uint32_t most_tasks, Done<Found> done) {
  const auto find = [this, id, done] {
    FindReadable(id, [done](Result<GroupPtr> group) {
      done(group.ok() ? Result<Found>(Found{.group = group.value(), .over = {}})
                      : Result<Found>(group.error()));
    });
  };
  bool aside = false;
  {
    MutexLock lock(mutex_);
    aside = aside_.contains(id);
  }
  if (aside || residents_.Get(id) != nullptr) return find();
  Listed(id, [find, most_tasks, done](Result<GroupSummary> listed) {
    if (!listed.ok() || listed.value().state.submitted <= most_tasks) return find();
    done(Found{.group = nullptr, .over = std::move(listed.value())});
  });
}

void Engine::ReadFolded(const GroupPtr& group, uint32_t first, Done<OverGroups::WindowPtr> done) {
  over_groups_.Folded(group->Folded(first), first, std::move(done));
}

void Engine::ReadPageFromEvents(const GroupPtr& group, uint32_t first, Done<TaskPage> done) {
  ReadFolded(group, first, [group, first, done = std::move(done)](Result<OverGroups::WindowPtr> window) {
    if (!window.ok()) return done(window.error());
    TaskPage page{.first = first, .tasks = window.value()->Views(first, OverGroups::kTasks, group->View())};
    for (TaskView& task : page.tasks) {  // how those stand that have not ended is known in memory alone
      if (std::optional<TaskView> known = group->TaskInMemory(task.index)) task = *std::move(known);
    }
    done(std::move(page));
  });
}

// From the block that has it. One that cannot be read costs time: the events tell what it does.
void Engine::ReadPage(const GroupPtr& group, uint32_t first, Done<TaskPage> done, int tries) {
  journal_->ReadTasks(
      group->id(), first, first + kBlockTasks,
      [this, group, first, done = std::move(done), tries](Result<std::vector<TaskBlock>> blocks) {
        if (!blocks.ok() && blocks.error().code != ErrorCode::kDataLoss) return done(blocks.error());
        std::optional<std::vector<BlockTask>> tasks;
        if (blocks.ok() && !blocks.value().empty()) tasks = Assemble(blocks.value());
        if (!tasks || tasks->size() <= first - blocks.value().front().first)
          return ReadPageFromEvents(group, first, done);
        TaskPage page{.first = first, .tasks = {}};
        const GroupSummary view = group->View();
        for (uint32_t at = first - blocks.value().front().first; at < tasks->size(); ++at) {
          BlockTask& task = (*tasks)[at];
          const uint32_t index = blocks.value().front().first + at;
          std::optional<TaskView> known;
          if (!task.ended && !(known = group->TaskInMemory(index))) {
            // It has ended since the block was read, and left memory; or with its group.
            constexpr int kTries = 3;
            return tries < kTries && !group->outlined() ? ReadPage(group, first, done, tries + 1)
                                                        : ReadPageFromEvents(group, first, done);
          }
          if (!known) {
            std::string name = task.name.empty() ? std::to_string(index) : std::move(task.name);
            known = TaskTable::ViewOf(task.entry, std::move(name), index, view);
          }
          page.tasks.push_back(*std::move(known));
        }
        done(std::move(page));
      });
}

void Engine::ReadTask(const GroupPtr& group, uint32_t index, Done<TaskView> done) {
  if (std::optional<TaskView> task = group->TaskInMemory(index)) return done(*std::move(task));
  ReadPage(group, index, [done = std::move(done)](Result<TaskPage> page) {
    page.ok() ? done(std::move(page.value().tasks.front())) : done(page.error());
  });
}

void Engine::FindTask(const GroupPtr& group, const std::string& name, Done<uint32_t> done) {
  if (const std::optional<uint32_t> index = group->FindTask(name)) return done(*index);
  if (group->folded() == 0) return done(TaskNotFound(group->id(), name));
  journal_->FindMarks(group->id(), {{.kind = Mark::Kind::kTaskName, .key = name}},
                      [this, group, name, done = std::move(done)](Result<std::vector<Mark>> found) {
                        if (!found.ok()) return done(found.error());
                        if (!found.value().empty()) return done(found.value().front().first);
                        FindUnmarked(group, name, done);
                      });
}

// A task that is in the journal alone and has no mark: one without a name, or of a group that had ended before it left
// memory.
void Engine::FindUnmarked(const GroupPtr& group, const std::string& name, Done<uint32_t> done) {
  if (const std::optional<uint32_t> index = TaskTable::IndexOf(name); index && *index < group->folded()) {
    return ReadTask(group, *index, [group, name, done = std::move(done)](Result<TaskView> task) {
      if (!task.ok()) return done(task.error());
      task.value().name == name ? done(task.value().index) : done(TaskNotFound(group->id(), name));
    });
  }
  if (!group->outlined()) return done(TaskNotFound(group->id(), name));
  over_groups_.Find(group->View(), name,
                    [group, name, done = std::move(done)](Result<std::optional<uint32_t>> index) {
                      if (!index.ok()) return done(index.error());
                      index.value() ? done(*index.value()) : done(TaskNotFound(group->id(), name));
                    });
}

void Engine::Explain(const GroupPtr& group, std::optional<uint32_t> task, Done<Explanation> done,
                     std::vector<TaskView> known) {
  const std::vector<uint32_t> outside = group->OutsideOf(task, known);
  if (outside.empty()) return done(group->Explain(task, known));
  ReadTask(
      group, outside.front(),
      [this, group, task, done = std::move(done), known = std::move(known)](Result<TaskView> read) mutable {
        if (!read.ok()) return done(read.error());
        known.push_back(std::move(read.value()));
        Explain(group, task, std::move(done), std::move(known));
      });
}

void Engine::KnowsRequest(const GroupPtr& group, const std::string& request_id, Done<bool> done) {
  if (group->Knows(request_id) || request_id.empty() || group->folded() == 0)
    return done(group->Knows(request_id));
  journal_->FindMarks(group->id(), {{.kind = Mark::Kind::kRequest, .key = request_id}},
                      [done = std::move(done)](const Result<std::vector<Mark>>& found) {
                        found.ok() ? done(!found.value().empty()) : done(found.error());
                      });
}

void Engine::ReadEventsOf(const std::string& over, uint64_t after, PageLimit limit, Done<EventPage> done) {
  journal_->Read(over, after + 1, limit,
                 [after, done = std::move(done)](Result<std::vector<Record>> records) {
                   if (!records.ok()) return done(records.error());
                   EventPage page{.through = after};
                   AddRead(page, std::move(records.value()));
                   done(std::move(page));
                 });
}

void Engine::ReadEvents(const GroupPtr& group, uint64_t after, PageLimit limit, Done<EventPage> done) {
  if (auto recent = group->RecentEvents(after, limit)) {
    done(std::move(*recent));
    return;
  }
  if (std::optional<Error> damage = group->damage()) {  // up to where it is whole, then why not further
    const uint64_t last = group->View().last_number;
    if (after >= last) return done(*std::move(damage));
    limit.count = static_cast<size_t>(std::min<uint64_t>(limit.count, last - after));
  }
  journal_->Read(
      group->id(), after + 1, limit,
      [group, after, done = std::move(done)](Result<std::vector<Record>> records) {
        if (!records.ok()) {
          done(records.error());
          return;
        }
        EventPage page{.through = after};
        AddRead(page, std::move(records.value()));
        const GroupSummary view = group->View();
        if (view.state.completed && page.slices.empty() && after < view.last_number) {  // deleted meanwhile
          page.dropped = view.last_number - after;
          page.through = view.last_number;
        }
        page.completed = view.state.completed && page.through >= view.last_number;
        done(std::move(page));
      });
}

}  // namespace covey
