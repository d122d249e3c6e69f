#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/task_table.h"
#include "core/journal/journal.h"

namespace covey {

// Tasks of one group as the journal keeps them for reads, once they have left memory: what TaskTable held of each.
// Specs, and what was left out of ends, stay in the events.
struct BlockTask {
  bool ended = false;  // else nothing but the name is told: it had not when the block was made
  std::string name;    // empty: it has none
  TaskTable::Entry entry;
};

// So many tasks are in one block at most.
inline constexpr uint32_t kBlockTasks = 1024;

// Collects tasks next to each other.
class TaskBlockWriter {
 public:
  explicit TaskBlockWriter(uint32_t first) : first_(first) {}

  void Add(const TaskTable::Entry& entry);
  uint32_t count() const { return count_; }
  // Of what was added since the last one; the next begins behind it.
  TaskBlock Take(bool late = false);

 private:
  uint32_t first_;
  uint32_t count_ = 0;
  std::string bytes_;
};

// Nothing: not what a TaskBlockWriter has made, or made by a build that keeps more.
std::optional<std::vector<BlockTask>> DecodeTasks(std::string_view bytes);

}  // namespace covey
