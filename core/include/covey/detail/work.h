#pragma once

namespace covey {

// One piece of work for the threads of a pool, as an element of its queue: whoever makes it embeds it in what the work
// needs, so that queueing allocates nothing.
struct WorkItem {
  WorkItem* next = nullptr;          // the queue's own
  void (*run)(WorkItem&) = nullptr;  // carries it out and ends it: it may be gone afterwards
  const void* owner = nullptr;       // whose it is, for ThreadSet::Take; null: nobody's
};

}  // namespace covey
