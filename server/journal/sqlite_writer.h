#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/journal/journal.h"
#include "server/journal/write_connection.h"

namespace covey {

// The writing half of the SQLite journal: one thread with the one connection that writes.
//
// Group commit: whatever is queued when a commit ends goes into the next one, up to the bounds of a commit;
// nothing ever waits for company. Answers are given after the commit, in order, then the batch is flushed.
//
// Invariants:
// 1. Commands are carried out in the order in which they were queued.
// 2. kCommitted is answered only after the COMMIT that holds the append has been synced.
// 3. When a transaction fails, all of its appends are answered alike: nothing of any of them is in the file.
//
// Thread safety: every public method from any thread. Stop waits for the thread: never from within an answer.
class SqliteWriter {
 public:
  struct Limits {
    size_t appends = 0;
    size_t bytes = 0;
  };
  using Answer = std::function<void(AppendResult)>;

  SqliteWriter(std::unique_ptr<WriteConnection> connection, Limits limits);
  ~SqliteWriter();

  void AppendAsync(Append append, Answer done) COVEY_EXCLUDES(mutex_);
  void Acquire(std::vector<std::string> groups, Journal::Done<uint64_t> done) COVEY_EXCLUDES(mutex_);
  void Purge(std::string group, bool keeps_id, Journal::Done<Void> done) COVEY_EXCLUDES(mutex_);
  void PutSnapshot(std::string group, uint64_t epoch, Snapshot snapshot, Journal::Done<Void> done)
      COVEY_EXCLUDES(mutex_);
  void PutPool(StoredPool pool, Journal::Done<Void> done) COVEY_EXCLUDES(mutex_);
  void RemovePool(std::string name, Journal::Done<Void> done) COVEY_EXCLUDES(mutex_);
  // Set before the first append.
  void OnBatch(std::function<void()> flush) { flush_ = std::move(flush); }
  // Carries out what is queued and ends the thread. Later commands are refused. Idempotent.
  void Stop() COVEY_EXCLUDES(stop_mutex_, mutex_);

 private:
  struct Command {
    Append append;
    Answer done;
    std::function<void()> other;  // anything but an append; runs on the thread
  };

  // Carries out `work` on the thread, in its turn, and answers what it returns.
  template <typename T, typename Work>
  void Post(Journal::Done<T> done, Work work) COVEY_EXCLUDES(mutex_);
  // False: stopped, and the command is untouched.
  bool Enqueue(Command& command) COVEY_EXCLUDES(mutex_);
  void Run() COVEY_EXCLUDES(mutex_);
  // Waits for commands, or for none while there is garbage to collect. False: the end.
  bool Take(std::vector<Command>* commands) COVEY_EXCLUDES(mutex_);
  // Commits appends from `at` on and answers them; returns the index of the first command that is left.
  size_t CommitAppends(std::vector<Command>& commands, size_t at);

  const Limits limits_;
  std::function<void()> flush_;

  // Of the thread alone.
  const std::unique_ptr<WriteConnection> connection_;
  bool garbage_ = true;  // there may be some; at the start, that of an earlier run
  std::vector<AppendResult> results_;

  Mutex mutex_;  // a leaf
  CondVar work_;
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;
  bool asleep_ COVEY_GUARDED_BY(mutex_) = false;
  std::vector<Command> queue_ COVEY_GUARDED_BY(mutex_);

  Mutex stop_mutex_;  // before mutex_; held while Stop joins, so that every Stop returns after the end
  std::thread thread_ COVEY_GUARDED_BY(stop_mutex_);
};

}  // namespace covey
