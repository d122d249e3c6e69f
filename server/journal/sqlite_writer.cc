#include "server/journal/sqlite_writer.h"

#include <utility>

#include "server/journal/rules.h"

namespace covey {

SqliteWriter::SqliteWriter(std::unique_ptr<WriteConnection> connection, Limits limits)
    : limits_(limits), connection_(std::move(connection)), thread_([this] { Run(); }) {}

SqliteWriter::~SqliteWriter() { Stop(); }

bool SqliteWriter::Enqueue(Command& command) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (stopping_) return false;
    queue_.push_back(std::move(command));
    wake = std::exchange(asleep_, false);
  }
  if (wake) work_.NotifyOne();
  return true;
}

void SqliteWriter::AppendAsync(Append append, Answer done) {
  Command command{.append = std::move(append), .done = std::move(done)};
  if (Enqueue(command)) return;
  command.done(journal::Failed(journal::Closed()));
  if (flush_) flush_();
}

template <typename T, typename Work>
void SqliteWriter::Post(Journal::Done<T> done, Work work) {
  const auto answer = std::make_shared<Journal::Done<T>>(std::move(done));
  Command command;
  command.other = [answer, work = std::move(work)] { (*answer)(work()); };
  if (!Enqueue(command)) (*answer)(journal::Closed());
}

void SqliteWriter::Acquire(std::vector<std::string> groups, Journal::Done<uint64_t> done) {
  Post(std::move(done), [this, groups = std::move(groups)] { return connection_->Acquire(groups); });
}

void SqliteWriter::Purge(std::string group, bool keeps_id, Journal::Done<Void> done) {
  Post(std::move(done), [this, group = std::move(group), keeps_id] {
    Result<Void> result = connection_->Purge(group, keeps_id);
    garbage_ = garbage_ || result.ok();
    return result;
  });
}

void SqliteWriter::PutSnapshot(std::string group, uint64_t epoch, Snapshot snapshot,
                               Journal::Done<Void> done) {
  Post(std::move(done), [this, group = std::move(group), epoch, snapshot = std::move(snapshot)] {
    return connection_->PutSnapshot(group, epoch, snapshot);
  });
}

void SqliteWriter::PutPool(StoredPool pool, Journal::Done<Void> done) {
  Post(std::move(done), [this, pool = std::move(pool)] { return connection_->PutPool(pool); });
}

void SqliteWriter::RemovePool(std::string name, Journal::Done<Void> done) {
  Post(std::move(done), [this, name = std::move(name)] { return connection_->RemovePool(name); });
}

void SqliteWriter::Stop() {
  MutexLock stop(stop_mutex_);
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  work_.NotifyOne();
  if (thread_.joinable()) thread_.join();
}

bool SqliteWriter::Take(std::vector<Command>* commands) {
  MutexLock lock(mutex_);
  while (queue_.empty() && !stopping_ && !garbage_) {
    asleep_ = true;
    work_.Wait(mutex_);
  }
  asleep_ = false;
  commands->clear();
  commands->swap(queue_);
  return !commands->empty() || !stopping_;
}

void SqliteWriter::Run() {
  std::vector<Command> commands;
  while (Take(&commands)) {
    size_t at = 0;
    while (at < commands.size()) {
      if (commands[at].other) {
        commands[at++].other();
      } else {
        at = CommitAppends(commands, at);
      }
      connection_->CheckpointIfDue();
    }
    if (garbage_) garbage_ = connection_->CollectGarbage();
  }
}

size_t SqliteWriter::CommitAppends(std::vector<Command>& commands, size_t at) {
  results_.clear();
  size_t bytes = 0;
  size_t end = at;
  bool good = connection_->Begin();
  while (end < commands.size() && !commands[end].other && end - at < limits_.appends &&
         bytes < limits_.bytes) {
    if (!good) break;
    std::optional<AppendResult> result = connection_->Write(commands[end++].append, &bytes);
    good = result.has_value();
    if (good) results_.push_back(*std::move(result));
  }
  good = good && connection_->Commit();
  if (end == at) ++end;  // no transaction could begin: one append is told so
  if (!good) results_.assign(end - at, connection_->Abandon());
  for (size_t i = at; i < end; ++i) commands[i].done(std::move(results_[i - at]));
  if (flush_) flush_();
  return end;
}

}  // namespace covey
