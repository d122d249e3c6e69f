#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "server/convert/convert.h"
#include "server/services/dispatcher.h"

namespace covey {

// Reads what tasks of one group have left in the journal: specs, failures, results. What one read brings serves
// the tasks behind as well: best asked in their order.
//
// Thread safety: none; of one queue's thread.
class WholeTasks {
 public:
  // `group` null: it is over, and not in memory.
  WholeTasks(Engine& engine, std::string id, GroupPtr group)
      : engine_(engine), id_(std::move(id)), group_(std::move(group)) {}
  WholeTasks(const WholeTasks&) = delete;
  WholeTasks& operator=(const WholeTasks&) = delete;

  // Fills in what `view` tells. kDataLoss when it cannot be read.
  Handled Complete(TaskView& task, View view);

 private:
  // The event, in one of the two pages, which is read again when it is not there.
  edge::Task<Result<Record>> Event(EventPage& page, uint64_t number);

  Engine& engine_;
  const std::string id_;
  const GroupPtr group_;
  EventPage specs_;
  EventPage ends_;
};

}  // namespace covey
