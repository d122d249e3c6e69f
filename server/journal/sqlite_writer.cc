#include "server/journal/sqlite_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "server/journal/rules.h"

namespace covey {
namespace {

// Groups that are forgotten in one transaction.
constexpr size_t kPurgesAtOnce = 128;

}  // namespace

SqliteWriter::SqliteWriter(std::unique_ptr<WriteConnection> connection, Options options)
    : options_(std::move(options)), connection_(std::move(connection)), thread_([this] { Run(); }) {}

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
  Command command{
      .append = std::move(append), .done = std::move(done), .since = WriteConnection::Clock::now()};
  if (Enqueue(command)) return;
  command.done(journal::Failed(journal::Closed()));
  if (flush_) flush_();
}

template <typename T, typename Work>
void SqliteWriter::Post(Journal::Done<T> done, Work work) {
  const auto answer = std::make_shared<Journal::Done<T>>(std::move(done));
  Command command;
  command.other = [this, answer, work = std::move(work)] {
    auto result = work();
    if (result.ok()) {
      Tell(nullptr);
    } else if (WriteConnection::IsTrouble(result.error())) {
      Tell(&result.error());
    }
    (*answer)(std::move(result));
  };
  if (!Enqueue(command)) (*answer)(journal::Closed());
}

void SqliteWriter::Acquire(std::vector<std::string> groups, Journal::Done<uint64_t> done) {
  Post(std::move(done), [this, groups = std::move(groups)] { return connection_->Acquire(groups); });
}

void SqliteWriter::Purge(std::vector<std::string> groups, bool keeps_id,
                         Journal::Done<std::vector<Result<Void>>> done) {
  Command command;
  for (std::string& group : groups) command.purges.push_back({std::move(group), keeps_id});
  command.purged = std::move(done);
  if (!Enqueue(command)) command.purged(journal::Closed());
}

void SqliteWriter::OutputIsGone(std::vector<std::string> groups) {
  Command command;
  command.other = [this, groups = std::move(groups)] {
    connection_->OutputIsGone(groups);
    untidy_ = true;
  };
  (void)Enqueue(command);  // else the next start looks
}

size_t SqliteWriter::CommitPurges(std::vector<Command>& commands, size_t at) {
  std::vector<WriteConnection::Purged> groups;
  size_t end = at;
  while (end < commands.size() && commands[end].purged && (end == at || groups.size() < kPurgesAtOnce)) {
    const std::vector<WriteConnection::Purged>& more = commands[end++].purges;
    groups.insert(groups.end(), more.begin(), more.end());
  }
  std::vector<Result<Void>> results = connection_->Purge(groups);
  const auto failed = std::find_if(results.begin(), results.end(), [](const Result<Void>& result) {
    return !result.ok() && WriteConnection::IsTrouble(result.error());
  });
  const bool written =
      std::any_of(results.begin(), results.end(), [](const auto& each) { return each.ok(); });
  if (written) {
    Tell(nullptr);
  } else if (failed != results.end()) {
    Tell(&failed->error());
  }
  untidy_ = untidy_ || written;
  auto next = results.begin();
  for (size_t i = at; i < end; ++i) {
    const auto last = next + static_cast<std::ptrdiff_t>(commands[i].purges.size());
    commands[i].purged(
        std::vector<Result<Void>>(std::make_move_iterator(next), std::make_move_iterator(last)));
    next = last;
  }
  return end;
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

void SqliteWriter::Probe(Journal::Done<Void> done) {
  Post(std::move(done), [this] {
    const bool ailing = trouble_.has_value();
    Result<Void> result = connection_->Probe(ailing);
    untidy_ = untidy_ || (ailing && result.ok());  // to tidy ends at the first failure
    return result;
  });
}

void SqliteWriter::HoldFiles(Journal::Done<std::shared_ptr<void>> done) {
  Post(std::move(done), [this] { return Result<std::shared_ptr<void>>(connection_->Hold()); });
}

void SqliteWriter::Tell(const Error* why) {
  const bool same = why == nullptr ? !trouble_ : trouble_ && trouble_->message == why->message;
  if (same) return;
  trouble_ = why == nullptr ? std::nullopt : std::optional(*why);
  if (options_.on_trouble) options_.on_trouble(why);
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

void SqliteWriter::TendLog() {
  connection_->CheckpointIfDue();
  const auto restarts_at = connection_->RestartsLogAt();
  if (holding_ || !restarts_at || *restarts_at > WriteConnection::Clock::now()) return;
  holding_ = true;
  const auto restart = [this] {
    connection_->RestartLog();
    holding_ = false;
    if (options_.release_reads) options_.release_reads();
  };
  if (!options_.hold_reads) return restart();
  options_.hold_reads([this, restart] {
    Command command;
    command.other = restart;
    if (!Enqueue(command)) options_.release_reads();
  });
}

bool SqliteWriter::Take(std::vector<Command>* commands) {
  const auto tend_at = holding_ ? std::nullopt : connection_->RestartsLogAt();
  MutexLock lock(mutex_);
  bool in_time = true;
  while (queue_.empty() && !stopping_ && !untidy_ && in_time) {
    asleep_ = true;
    if (tend_at) {
      in_time = work_.WaitUntil(mutex_, *tend_at);
    } else {
      work_.Wait(mutex_);
    }
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
      } else if (commands[at].purged) {
        at = CommitPurges(commands, at);
      } else {
        at = CommitAppends(commands, at);
      }
      TendLog();
    }
    if (untidy_) untidy_ = connection_->Tidy();
    TendLog();
  }
}

void SqliteWriter::CountCommit(const std::vector<Command>& commands, size_t at, size_t end, bool good) const {
  const auto now = WriteConnection::Clock::now();
  const auto took = now - commands[at].since;
  if (took > options_.slow && options_.on_slow) options_.on_slow(took, end - at);
  if (options_.counts == nullptr) return;
  if (!good) {
    options_.counts->failures.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  options_.counts->committed.Count(end - at);
  for (size_t i = at; i < end; ++i) options_.counts->appended.Count(now - commands[i].since);
}

size_t SqliteWriter::CommitAppends(std::vector<Command>& commands, size_t at) {
  results_.clear();
  size_t bytes = 0;
  size_t end = at;
  const size_t most = alone_ > 0 ? 1 : options_.appends;
  bool good = connection_->Begin();
  while (end < commands.size() && commands[end].is_append() && end - at < most && bytes < options_.bytes) {
    if (!good) break;
    std::optional<AppendResult> result = connection_->Write(commands[end++].append, &bytes);
    good = result.has_value();
    if (good) results_.push_back(*std::move(result));
  }
  good = good && connection_->Commit();
  if (end == at) ++end;  // no transaction could begin: one append is told so
  if (good) {
    Tell(nullptr);
  } else {
    const AppendResult failed = connection_->Abandon();
    if (failed.kind == AppendResult::Kind::kFailed && failed.error.code == ErrorCode::kDataLoss &&
        end - at > 1) {
      alone_ = end - at;  // damage costs the groups that have it: each is written by itself
      return at;
    }
    results_.assign(end - at, failed);
    if (WriteConnection::IsTrouble(failed.error)) Tell(&failed.error);
  }
  if (alone_ > 0) alone_ -= std::min(alone_, end - at);
  CountCommit(commands, at, end, good);
  for (size_t i = at; i < end; ++i) commands[i].done(std::move(results_[i - at]));
  if (flush_) flush_();
  return end;
}

}  // namespace covey
