#include "server/services/whole_task.h"

#include <utility>

#include "core/engine/group_ledger.h"
#include "core/engine/resident_groups.h"

namespace covey {

Handled WholeTasks::Complete(TaskView& task, View view) {
  if (task.spec == nullptr && task.spec_event != 0) {
    edge::Task<Result<Record>> reading = Event(specs_, task.spec_event);
    const Result<Record> record = co_await reading;
    if (!record.ok()) co_return record.error();
    task.spec = record.value().task;
  }
  const bool wanted = view != View::kBasic || task.failure != nullptr;
  if (task.end_event != 0 && wanted) {
    edge::Task<Result<Record>> reading = Event(ends_, task.end_event);
    const Result<Record> record = co_await reading;
    if (!record.ok()) co_return record.error();
    task.failure = record.value().failure;
    task.result = record.value().result;
  }
  co_return Void{};
}

edge::Task<Result<Record>> WholeTasks::Event(EventPage& page, uint64_t number) {
  for (const Record& record : page.records()) {
    if (record.number == number) co_return record;
  }
  constexpr PageLimit kAtOnce{.count = 512};
  edge::Completion<EventPage> reading;
  if (group_ == nullptr) {
    engine_.ReadEventsOf(id_, number - 1, kAtOnce, reading.completer());
  } else {
    engine_.ReadEvents(group_, number - 1, kAtOnce, reading.completer());
  }
  Result<EventPage> read = co_await reading;
  if (!read.ok()) co_return read.error();
  page = std::move(read.value());
  for (const Record& record : page.records()) {
    if (record.number == number) co_return record;
  }
  if (page.empty()) co_return ResidentGroups::NotFound(id_);  // it was deleted meanwhile
  co_return EventsMissing(id_, number, number);
}

}  // namespace covey
