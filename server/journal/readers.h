#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "server/journal/read_connection.h"

namespace covey {

// Threads with a connection each that take reads from one queue.
//
// Thread safety: every method from any thread; Stop never from within a read.
class Readers {
 public:
  using Job = std::function<void(ReadConnection*)>;  // null: the journal is closed

  explicit Readers(std::vector<std::unique_ptr<ReadConnection>> connections);
  ~Readers() { Stop(); }

  void Post(Job job) COVEY_EXCLUDES(mutex_);

  // No read begins from now on, until Release. `quiet` is called when none is under way any more: once, by any
  // thread, perhaps before this returns. Requires that they are not held; what is stopped is quiet.
  void Hold(std::function<void()> quiet) COVEY_EXCLUDES(mutex_);
  void Release() COVEY_EXCLUDES(mutex_);

  // Answers what is queued, held or not, and ends the threads. Idempotent.
  void Stop() COVEY_EXCLUDES(stop_mutex_, mutex_);

 private:
  void Run(ReadConnection* connection) COVEY_EXCLUDES(mutex_);

  Mutex mutex_;  // a leaf
  CondVar work_;
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;
  bool held_ COVEY_GUARDED_BY(mutex_) = false;
  size_t busy_ COVEY_GUARDED_BY(mutex_) = 0;              // reads under way
  std::function<void()> quiet_ COVEY_GUARDED_BY(mutex_);  // empty: nobody waits for it
  std::deque<Job> queue_ COVEY_GUARDED_BY(mutex_);

  Mutex stop_mutex_;  // before mutex_; held while Stop joins
  std::vector<std::thread> threads_ COVEY_GUARDED_BY(stop_mutex_);
};

}  // namespace covey
