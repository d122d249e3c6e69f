#pragma once

namespace covey {

class SlotTree;

// What this thread is in: the tasks that it runs, the innermost first. A thread that waits for a group runs tasks of it
// meanwhile, so there may be several.
class Current {
 public:
  Current(const void* group, const SlotTree* slots) : group_(group), slots_(slots), outer_(innermost) {
    innermost = this;
  }
  ~Current() { innermost = outer_; }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

  // Whether this thread is in a task of the group.
  static bool In(const void* group) {
    for (const Current* task = innermost; task != nullptr; task = task->outer_) {
      if (task->group_ == group) return true;
    }
    return false;
  }
  // Whether it is in a task that holds a slot of these.
  static bool Holds(const SlotTree& slots) {
    for (const Current* task = innermost; task != nullptr; task = task->outer_) {
      if (task->slots_ == &slots) return true;
    }
    return false;
  }

 private:
  const void* const group_;
  const SlotTree* const slots_;
  const Current* const outer_;
  static inline thread_local const Current* innermost = nullptr;
};

}  // namespace covey
