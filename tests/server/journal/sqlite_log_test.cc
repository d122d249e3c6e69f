#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "core/base/mutex.h"
#include "server/journal/read_connection.h"
#include "server/journal/readers.h"
#include "server/journal/rules.h"
#include "server/journal/sqlite_writer.h"
#include "tests/server/journal/fault_vfs.h"
#include "tests/server/journal/sqlite_support.h"

// How large the files of a journal become, and what stays in them.
namespace covey {
namespace {

using Kind = AppendResult::Kind;

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

uint64_t SizeOfFile(const std::string& path) {
  std::error_code absent;
  const auto size = std::filesystem::file_size(path, absent);
  return absent ? 0 : size;
}

// Waits until `ready` is true.
bool Eventually(const std::function<bool()>& ready) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!ready()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// A snapshot of the file, as a read has one while it lasts.
class OpenRead {
 public:
  explicit OpenRead(const std::string& file) {
    sqlite3_open_v2(file.c_str(), &db_, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_busy_timeout(db_, 10'000);  // as the readers have it
    EXPECT_EQ(sqlite3_exec(db_, "BEGIN; SELECT max(seq) FROM records", nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db_);
  }
  ~OpenRead() { sqlite3_close(db_); }
  OpenRead(const OpenRead&) = delete;
  OpenRead& operator=(const OpenRead&) = delete;

 private:
  sqlite3* db_ = nullptr;
};

// Two readers that are never idle together: each read lasts until the next has its snapshot, or none may begin.
class SteadyReads {
 public:
  SteadyReads(Readers& readers, std::string file) : readers_(readers), file_(std::move(file)) { Next(); }
  ~SteadyReads() {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
    while (running_ > 0) changed_.Wait(mutex_);
  }

  void Held(bool held) {
    MutexLock lock(mutex_);
    held_ = held;
    changed_.NotifyAll();
  }
  size_t begun() {
    MutexLock lock(mutex_);
    return begun_;
  }

 private:
  void Next() {
    {
      MutexLock lock(mutex_);
      ++running_;
    }
    readers_.Post([this](ReadConnection*) {
      bool more = false;
      {
        const OpenRead snapshot(file_);
        MutexLock lock(mutex_);
        const size_t mine = ++begun_;
        changed_.NotifyAll();
        more = !stopping_;
        lock.Unlock();
        if (more) Next();
        lock.Lock();
        while (more && begun_ == mine && !held_ && !stopping_) changed_.Wait(mutex_);
      }
      MutexLock lock(mutex_);
      --running_;
      changed_.NotifyAll();
    });
  }

  Readers& readers_;
  const std::string file_;
  Mutex mutex_;
  CondVar changed_;
  bool held_ COVEY_GUARDED_BY(mutex_) = false;
  bool stopping_ COVEY_GUARDED_BY(mutex_) = false;
  size_t begun_ COVEY_GUARDED_BY(mutex_) = 0;
  size_t running_ COVEY_GUARDED_BY(mutex_) = 0;
};

// The largest that the log becomes while 1,200 appends of 16 KiB are written beside steady reads.
uint64_t LongestLog(bool gated) {
  TempDir dir;
  const SqliteFile file{
      .path = dir.path() + "/journal.db", .durability = Durability::kNone, .checkpoint_pages = 16};
  std::ofstream(file.path).flush();
  auto connection = WriteConnection::Open(file, journal::SystemNow);
  EXPECT_TRUE(connection.ok());
  std::vector<std::unique_ptr<ReadConnection>> reads;
  for (int i = 0; i < 2; ++i)
    reads.push_back(std::move(ReadConnection::Open(file, connection.value()->identity()).value()));
  Readers readers(std::move(reads));
  SteadyReads steady(readers, file.path);
  SqliteWriter::Options options{.appends = 1, .bytes = 1};
  if (gated) {
    options.hold_reads = [&](std::function<void()> quiet) {
      readers.Hold(std::move(quiet));
      steady.Held(true);
    };
    options.release_reads = [&] {
      steady.Held(false);
      readers.Release();
    };
  }
  SqliteWriter writer(std::move(connection.value()), options);
  const auto send = [&](const Append& append) {
    const auto result = Await<AppendResult>([&](auto done) { writer.AppendAsync(append, std::move(done)); });
    EXPECT_EQ(result.kind, Kind::kCommitted);
  };
  const auto epoch = Await<Result<uint64_t>>([&](auto done) { writer.Acquire({}, std::move(done)); });
  Writer group("g", epoch.value());
  send(group.Create());
  uint64_t longest = 0;
  for (int i = 0; i < 1200; ++i) {
    send(group.Tasks(1, std::string(16 << 10, 'x')));
    longest = std::max(longest, SizeOfFile(file.path + "-wal"));
  }
  EXPECT_TRUE(Eventually([&, begun = steady.begun()] { return steady.begun() > begun + 2; }))
      << "and reads go on";
  writer.Stop();
  return longest;
}

TEST(SqliteLogTest, SteadyReadersDoNotMakeItGrow) {
  EXPECT_GT(LongestLog(/*gated=*/false), 4u << 20) << "what the gate is for";
  // 256 pages, and what is written until the reads that were under way have ended.
  EXPECT_LT(LongestLog(/*gated=*/true), 4u << 20);
}

TEST(SqliteLogTest, StoppedReadersAnswerWhatWasHeldBack) {
  Readers readers(std::vector<std::unique_ptr<ReadConnection>>(1));
  bool quiet = false;
  readers.Hold([&] { quiet = true; });
  EXPECT_TRUE(quiet);
  std::atomic<int> done = 0;
  for (int i = 0; i < 3; ++i) readers.Post([&](ReadConnection*) { ++done; });
  readers.Stop();
  EXPECT_EQ(done, 3);
}

TEST(SqliteLogTest, WhatWasPurgedIsInNoFile) {
  TempDir dir;
  OpenJournal open({.directory = dir.path(), .scrub_every = std::chrono::milliseconds(0)});
  const std::string secret = "hunter2-in-the-environment";
  const auto files_with_it = [&] {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
      if (Contents(entry.path()).find(secret) != std::string::npos) files.insert(entry.path().filename());
    }
    return files;
  };
  // Small and large, beside what stays; one that is moved into the database before it is purged, one that is not.
  Writer stays("stays", open.epoch);
  ASSERT_EQ(open.client->Send(stays.Create()).kind, Kind::kCommitted);
  for (const std::string& id : {std::string("early"), std::string("late")}) {
    Writer group(id, open.epoch);
    group.spec().labels = {{"token", secret}};
    group.spec().name = secret;
    ASSERT_EQ(open.client->Send(group.Create(secret + id)).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(group.Tasks(3, secret)).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(stays.Tasks(50)).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(group.Tasks(300, secret + std::string(20'000, 'x') + secret)).kind,
              Kind::kCommitted);
    ASSERT_EQ(open.client->Send(group.Decide(state::Outcome::kSucceeded)).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(group.Complete()).kind, Kind::kCommitted);
  }
  ASSERT_FALSE(files_with_it().empty());
  const auto results = open.client->PurgeAll({"early", "late"}, /*keeps_id=*/false);
  ASSERT_TRUE(results.ok() && results.value()[0].ok() && results.value()[1].ok());
  // A request id is remembered for a day: it is no secret, and the only thing that stays.
  EXPECT_TRUE(Eventually([&] {
    std::string left;
    for (const char* file : {"/journal.db", "/journal.db-wal"}) left += Contents(dir.path() + file);
    size_t count = 0;
    for (size_t at = left.find(secret); at != std::string::npos; at = left.find(secret, at + 1)) {
      const std::string_view rest = std::string_view(left).substr(at + secret.size());
      count += !rest.starts_with("early") && !rest.starts_with("late");
    }
    return count == 0;
  }));
  EXPECT_EQ(open.client->Read("stays").value().size(), 101u);
}

TEST(SqliteLogTest, TheFileShrinks) {
  TempDir dir;
  OpenJournal open({.directory = dir.path(), .durability = Durability::kNone});
  Writer stays("stays", open.epoch);
  ASSERT_EQ(open.client->Send(stays.Create()).kind, Kind::kCommitted);
  std::vector<std::string> ids;
  for (int i = 0; i < 32; ++i) {
    Writer group(ids.emplace_back("g" + std::to_string(i)), open.epoch);
    ASSERT_EQ(open.client->Send(group.Create()).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(group.Tasks(16, std::string(64 << 10, 'x'))).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(group.Decide(state::Outcome::kSucceeded)).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(group.Complete()).kind, Kind::kCommitted);
    ASSERT_EQ(open.client->Send(stays.Tasks(1)).kind, Kind::kCommitted);
  }
  const std::string file = dir.path() + "/journal.db";
  ASSERT_TRUE(Eventually([&] {  // all of it is in the database
    return open.client->Send(stays.Tasks(1, std::string(1 << 20, 'y'))).kind == Kind::kCommitted &&
           SizeOfFile(file) > 32u << 20;
  }));
  EXPECT_GT(open.journal->usage().ended_bytes, 32u << 20);
  EXPECT_EQ(open.journal->usage().ended_groups, 32u);
  ASSERT_TRUE(open.client->PurgeAll(ids, /*keeps_id=*/false).ok());
  EXPECT_EQ(open.journal->usage().ended_bytes, 0u);
  EXPECT_EQ(open.journal->usage().ended_groups, 0u);
  const uint64_t left = stays.next() * 2 + (uint64_t{6} << 20);  // and 4 MiB that stay free
  EXPECT_TRUE(Eventually([&] { return SizeOfFile(file) < left + (uint64_t{8} << 20); })) << SizeOfFile(file);
}

// Nobody waits for a purge, however large what is purged: no transaction deletes more than 1,000 rows or a MiB and
// the row that passes it.
TEST(SqliteLogTest, APurgeGoesInPieces) {
  FaultVfs vfs;
  TempDir dir;
  OpenJournal open({.directory = dir.path(), .vfs = FaultVfs::kName});
  Writer many("many", open.epoch);
  ASSERT_EQ(open.client->Send(many.Create()).kind, Kind::kCommitted);
  std::vector<std::future<AppendResult>> answers;
  for (int i = 0; i < 3000; ++i) {
    auto promise = std::make_shared<std::promise<AppendResult>>();
    answers.push_back(promise->get_future());
    open.journal->AppendAsync(many.Tasks(1), [promise](AppendResult result) { promise->set_value(result); });
  }
  for (auto& answer : answers) ASSERT_EQ(answer.get().kind, Kind::kCommitted);
  ASSERT_EQ(open.client->Send(many.Tasks(100, std::string(100 << 10, 'x'))).kind, Kind::kCommitted);
  ASSERT_EQ(open.client->Send(many.Decide(state::Outcome::kSucceeded)).kind, Kind::kCommitted);
  ASSERT_EQ(open.client->Send(many.Complete()).kind, Kind::kCommitted);

  struct Left {
    int64_t rows = 0;
    int64_t bytes = 0;
  };
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open_v2((dir.path() + "/journal.db").c_str(), &db, SQLITE_OPEN_READONLY, "unix"),
            SQLITE_OK);
  const auto look = [db] {
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(db, "SELECT count(*), coalesce(sum(length(data)), 0) FROM records", -1, &statement,
                       nullptr);
    sqlite3_step(statement);
    const Left left{sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1)};
    sqlite3_finalize(statement);
    return left;
  };
  Left last = look();
  ASSERT_GT(last.rows, 3000);
  ASSERT_GT(last.bytes, 10'000'000);
  Left most;
  std::atomic<bool> all = false;
  vfs.OnSync([&] {  // of the thread that writes: what the commit before has left
    const Left now = look();
    most.rows = std::max(most.rows, last.rows - now.rows);
    most.bytes = std::max(most.bytes, last.bytes - now.bytes);
    last = now;
    all = now.rows == 0;
  });
  ASSERT_TRUE(open.client->Purge("many").ok());
  EXPECT_TRUE(Eventually([&] { return all || !open.client->Newest().ok(); }));
  vfs.OnSync({});
  open.journal->Close();
  sqlite3_close(db);
  EXPECT_LE(most.rows, 1000);
  EXPECT_LE(most.bytes, (1 << 20) + (1 << 20));
}

}  // namespace
}  // namespace covey
