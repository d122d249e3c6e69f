#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "core/journal/journal.h"
#include "core/journal/journal_counts.h"
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
  struct Options {
    size_t appends = 0;  // bounds of one commit
    size_t bytes = 0;
    std::function<void(const Error* why)> on_trouble;                              // as SqliteJournalOptions
    std::function<void(std::chrono::nanoseconds took, size_t appends)> on_slow{};  // likewise
    std::chrono::nanoseconds slow = std::chrono::seconds(1);                       // likewise
    // As Readers::Hold and Release. Empty: nobody reads.
    std::function<void(std::function<void()> quiet)> hold_reads;
    std::function<void()> release_reads;
    std::shared_ptr<JournalCounts> counts{};  // null: nothing is counted
  };
  using Answer = std::function<void(AppendResult)>;

  SqliteWriter(std::unique_ptr<WriteConnection> connection, Options options);
  ~SqliteWriter();

  void AppendAsync(Append append, Answer done) COVEY_EXCLUDES(mutex_);
  void Acquire(std::vector<std::string> groups, Journal::Done<uint64_t> done) COVEY_EXCLUDES(mutex_);
  void Purge(std::vector<std::string> groups, bool keeps_id, Journal::Done<std::vector<Result<Void>>> done)
      COVEY_EXCLUDES(mutex_);
  void OutputIsGone(std::vector<std::string> groups) COVEY_EXCLUDES(mutex_);
  const WriteConnection& connection() const { return *connection_; }
  void PutSnapshot(std::string group, uint64_t epoch, Snapshot snapshot, Journal::Done<Void> done)
      COVEY_EXCLUDES(mutex_);
  void PutPool(StoredPool pool, Journal::Done<Void> done) COVEY_EXCLUDES(mutex_);
  void RemovePool(std::string name, Journal::Done<Void> done) COVEY_EXCLUDES(mutex_);
  // As Journal::Probe.
  void Probe(Journal::Done<Void> done) COVEY_EXCLUDES(mutex_);
  // As Journal::HoldFiles.
  void HoldFiles(Journal::Done<std::shared_ptr<void>> done) COVEY_EXCLUDES(mutex_);
  // Set before the first append.
  void OnBatch(std::function<void()> flush) { flush_ = std::move(flush); }
  // Carries out what is queued and ends the thread. Later commands are refused. Idempotent.
  void Stop() COVEY_EXCLUDES(stop_mutex_, mutex_);

 private:
  struct Command {
    Append append;
    Answer done;
    WriteConnection::Clock::time_point since{};  // of an append
    std::function<void()> other;                 // anything but an append or a purge; runs on the thread
    std::vector<WriteConnection::Purged> purges;
    Journal::Done<std::vector<Result<Void>>> purged;  // of a purge

    bool is_append() const { return !other && !purged; }
  };

  // Carries out `work` on the thread, in its turn, and answers what it returns.
  template <typename T, typename Work>
  void Post(Journal::Done<T> done, Work work) COVEY_EXCLUDES(mutex_);
  // False: stopped, and the command is untouched.
  bool Enqueue(Command& command) COVEY_EXCLUDES(mutex_);
  void Run() COVEY_EXCLUDES(mutex_);
  // Moves the log, and lets it begin anew when it is time.
  void TendLog();
  // Waits for commands, or for none while there is something to tidy. False: the end.
  bool Take(std::vector<Command>* commands) COVEY_EXCLUDES(mutex_);
  // Each commits what is of its kind from `at` on and answers it; returns the index of the first command that is
  // left.
  size_t CommitAppends(std::vector<Command>& commands, size_t at);
  size_t CommitPurges(std::vector<Command>& commands, size_t at);

  // Counts one commit of appends, and tells of one that was slow.
  void CountCommit(const std::vector<Command>& commands, size_t at, size_t end, bool good) const;
  // Tells what has changed. `why` null: a write succeeded.
  void Tell(const Error* why);

  const Options options_;
  std::function<void()> flush_;

  // Of the thread alone.
  const std::unique_ptr<WriteConnection> connection_;
  bool untidy_ = true;    // also at the start: what an earlier run has left
  bool holding_ = false;  // reads are held, or soon will be, for the log to begin anew
  std::vector<AppendResult> results_;
  size_t alone_ = 0;              // so many appends are committed one by one
  std::optional<Error> trouble_;  // why the last write failed

  Mutex mutex_;  // a leaf
  CondVar work_;
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;
  bool asleep_ COVEY_GUARDED_BY(mutex_) = false;
  std::vector<Command> queue_ COVEY_GUARDED_BY(mutex_);

  Mutex stop_mutex_;  // before mutex_; held while Stop joins, so that every Stop returns after the end
  std::thread thread_ COVEY_GUARDED_BY(stop_mutex_);
};

}  // namespace covey
