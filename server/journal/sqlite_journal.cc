#include "server/journal/sqlite_journal.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "server/journal/log_scan.h"
#include "server/journal/read_connection.h"
#include "server/journal/readers.h"
#include "server/journal/rules.h"
#include "server/journal/sqlite_writer.h"

namespace covey {
namespace {

// Joins the two halves: what writes goes to the writer's thread, what reads to the readers'.
class SqliteJournal final : public Journal {
 public:
  SqliteJournal(bool durable, std::function<WallTime()> now, std::shared_ptr<DataDirectory> data,
                std::unique_ptr<WriteConnection> write, SqliteWriter::Options writing,
                std::vector<std::unique_ptr<ReadConnection>> reads)
      : durable_(durable),
        now_(std::move(now)),
        data_(std::move(data)),
        readers_(std::move(reads)),
        writer_(std::move(write), Gated(std::move(writing))) {}
  ~SqliteJournal() override { Close(); }

  JournalCapabilities capabilities() const override {
    return {.backend = "sqlite", .durable = durable_, .copied = data_->copied()};
  }

  void Acquire(std::vector<std::string> groups, Done<uint64_t> done) override {
    writer_.Acquire(std::move(groups), std::move(done));
  }
  void AppendAsync(Append append, std::function<void(AppendResult)> done) override {
    writer_.AppendAsync(std::move(append), std::move(done));
  }
  void OnBatch(std::function<void()> flush) override { writer_.OnBatch(std::move(flush)); }
  void Purge(std::vector<std::string> groups, bool keeps_id, Done<std::vector<Result<Void>>> done) override {
    writer_.Purge(std::move(groups), keeps_id, std::move(done));
  }
  void Oldest(bool failed, size_t limit, std::string token, Done<EndedPage> done) override {
    Post(std::move(done), [failed, limit, token = std::move(token)](ReadConnection& connection) {
      return connection.Oldest(failed, limit, token);
    });
  }
  void Orphans(Done<std::vector<std::string>> done) override {
    Post(std::move(done), [](ReadConnection& connection) { return connection.Orphans(); });
  }
  void OutputIsGone(std::vector<std::string> groups) override { writer_.OutputIsGone(std::move(groups)); }
  JournalUsage usage() const override {
    const WriteConnection& connection = writer_.connection();
    struct stat file {};
    const bool there = ::stat((data_->path() + "/journal.db").c_str(), &file) == 0;
    return {.ended_groups = connection.ended().groups(),
            .ended_bytes = connection.ended().bytes(),
            .file_bytes = there ? static_cast<uint64_t>(file.st_size) : 0,
            .purges_from = connection.purges_from()};
  }

  void PutSnapshot(std::string group, uint64_t epoch, Snapshot snapshot, Done<Void> done) override {
    writer_.PutSnapshot(std::move(group), epoch, std::move(snapshot), std::move(done));
  }
  void ReadSnapshot(std::string group, Done<std::optional<Snapshot>> done) override {
    Post(std::move(done),
         [group = std::move(group)](ReadConnection& connection) { return connection.ReadSnapshot(group); });
  }
  void ReadTasks(std::string group, uint32_t task, uint32_t end, Done<std::vector<TaskBlock>> done) override {
    Post(std::move(done), [group = std::move(group), task, end](ReadConnection& connection) {
      return connection.ReadTasks(group, task, end);
    });
  }
  void FindMarks(std::string group, std::vector<Mark> marks, Done<std::vector<Mark>> done) override {
    Post(std::move(done), [group = std::move(group), marks = std::move(marks)](ReadConnection& connection) {
      return connection.FindMarks(group, marks);
    });
  }

  void PutPool(StoredPool pool, Done<Void> done) override {
    writer_.PutPool(std::move(pool), std::move(done));
  }
  void RemovePool(std::string name, Done<Void> done) override {
    writer_.RemovePool(std::move(name), std::move(done));
  }
  void Pools(Done<std::vector<StoredPool>> done) override {
    Post(std::move(done), [](ReadConnection& connection) { return connection.Pools(); });
  }

  void Head(std::string group, Done<uint64_t> done) override {
    Post(std::move(done),
         [group = std::move(group)](ReadConnection& connection) { return connection.Head(group); });
  }
  void Read(std::string group, uint64_t from, PageLimit limit, Done<std::vector<Record>> done) override {
    Post(std::move(done), [group = std::move(group), from, limit](ReadConnection& connection) {
      return connection.Read(group, from, limit);
    });
  }
  void Watch(std::string cursor, PageLimit limit, Done<WatchPage> done) override {
    Post(std::move(done), [cursor = std::move(cursor), limit](ReadConnection& connection) {
      return connection.Watch(cursor, limit);
    });
  }
  void Newest(Done<std::string> done) override {
    Post(std::move(done), [](ReadConnection& connection) { return connection.Newest(); });
  }
  void List(GroupFilter filter, PageLimit limit, std::string token, Done<GroupPage> done) override {
    Post(std::move(done), [filter = std::move(filter), limit, token = std::move(token)](
                              ReadConnection& connection) { return connection.List(filter, limit, token); });
  }
  void Find(std::string group, Done<GroupSummary> done) override {
    Post(std::move(done),
         [group = std::move(group)](ReadConnection& connection) { return connection.Find(group); });
  }
  void FindRequest(std::string request_id, Done<std::string> done) override {
    Post(std::move(done), [request_id = std::move(request_id), now = now_()](ReadConnection& connection) {
      return connection.FindRequest(request_id, now);
    });
  }

  void Probe(Done<Void> done) override { writer_.Probe(std::move(done)); }
  void HoldFiles(Done<std::shared_ptr<void>> done) override { writer_.HoldFiles(std::move(done)); }

  void Close() override {
    writer_.Stop();
    readers_.Stop();
  }

 private:
  SqliteWriter::Options Gated(SqliteWriter::Options writing) {
    writing.hold_reads = [this](std::function<void()> quiet) { readers_.Hold(std::move(quiet)); };
    writing.release_reads = [this] { readers_.Release(); };
    return writing;
  }
  template <typename T, typename Query>
  void Post(Done<T> done, Query query) {
    readers_.Post([done = std::move(done), query = std::move(query)](ReadConnection* connection) {
      done(connection != nullptr ? query(*connection) : Result<T>(journal::Closed()));
    });
  }

  const bool durable_;
  const std::function<WallTime()> now_;
  const std::shared_ptr<DataDirectory> data_;  // its lock outlives the connections
  Readers readers_;                            // before the writer, which holds them
  SqliteWriter writer_;
};

}  // namespace

Result<std::unique_ptr<Journal>> OpenSqliteJournal(SqliteJournalOptions options) {
  std::shared_ptr<DataDirectory> data = std::move(options.data);
  if (data == nullptr) {
    auto opened = DataDirectory::Open(options.directory, DataDirectory::OfCopy::kAdopt);
    if (!opened.ok()) return opened.error();
    data = std::move(opened.value());
  }
  const SqliteFile file{.path = data->path() + "/journal.db",
                        .vfs = options.vfs,
                        .durability = options.durability,
                        .max_pages = options.max_pages,
                        .checkpoint_pages = std::max(options.checkpoint_pages, 1),
                        .scrub_every = options.scrub_every,
                        .adopted = data->was_copied() && !data->copied(),
                        .now = options.now,
                        .log = options.log,
                        .refusal = [raw = data.get()] { return raw->Refusal(); }};
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const std::string path = file.path + suffix;
    if (*suffix != '\0' && ::access(path.c_str(), F_OK) != 0) continue;  // SQLite makes it when it needs it
    if (Result<Void> made = MakePrivateFile(path); !made.ok()) return made.error();
  }
  // Without durability a power cut may have left gaps in the log: what is lost then was never promised.
  if (options.durability == Durability::kFull) {
    if (Result<Void> sound = CheckLog(file.path); !sound.ok()) return sound.error();
  }
  if (!options.now) options.now = journal::SystemNow;
  Result<std::unique_ptr<WriteConnection>> write = WriteConnection::Open(file, options.now);
  if (!write.ok()) return write.error();
  std::vector<std::unique_ptr<ReadConnection>> reads;
  for (int i = 0; i < std::clamp(options.readers, 1, 16); ++i) {
    Result<std::unique_ptr<ReadConnection>> read = ReadConnection::Open(file, write.value()->identity());
    if (!read.ok()) return read.error();
    reads.push_back(std::move(read.value()));
  }
  for (const char* suffix : {"", "-wal"}) data->Pin(file.path + suffix);
  SqliteWriter::Options writing{.appends = std::max<size_t>(options.max_commit_appends, 1),
                                .bytes = std::max<size_t>(options.max_commit_bytes, 1),
                                .on_trouble = std::move(options.on_trouble),
                                .on_slow = std::move(options.on_slow),
                                .slow = options.slow,
                                .counts = std::move(options.counts)};
  return std::unique_ptr<Journal>(std::make_unique<SqliteJournal>(
      options.durability == Durability::kFull, std::move(options.now), std::move(data),
      std::move(write.value()), std::move(writing), std::move(reads)));
}

}  // namespace covey
