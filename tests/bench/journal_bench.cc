#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "core/journal/journal.h"
#include "server/journal/memory_journal.h"
#include "server/journal/sqlite_journal.h"

// The journal beside what it stands on: one fdatasync, and bare SQLite in batches of 100, in interleaved
// rounds.
namespace covey {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;
constexpr int kAppends = 20'000;

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Directory {
  Directory() {
    std::string name = (std::filesystem::current_path() / "journal-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
};

void Check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "journal_bench: %s failed\n", what);
  std::exit(1);
}

// Microseconds of one fdatasync after 200 appended bytes: the median of 300.
double FdatasyncMicros() {
  const Directory dir;
  const int fd = ::open((dir.path + "/file").c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  const std::string bytes(200, 'x');
  std::vector<double> times;
  for (int i = 0; i < 300; ++i) {
    const auto start = Clock::now();
    Check(::write(fd, bytes.data(), bytes.size()) == 200 && ::fdatasync(fd) == 0, "fdatasync");
    times.push_back(Seconds(Clock::now() - start) * 1e6);
  }
  ::close(fd);
  return Median(times);
}

// Rows of 200 B a second, `batch` in one transaction.
double BareSqlite(int batch, int rows) {
  const Directory dir;
  sqlite3* db = nullptr;
  Check(sqlite3_open((dir.path + "/db").c_str(), &db) == SQLITE_OK, "sqlite3_open");
  const auto run = [db](const char* sql) {
    Check(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK, sql);
  };
  run("PRAGMA journal_mode = WAL");
  run("PRAGMA synchronous = FULL");
  run("CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB)");
  sqlite3_stmt* insert = nullptr;
  sqlite3_prepare_v2(db, "INSERT INTO t(v) VALUES(?1)", -1, &insert, nullptr);
  const std::string bytes(200, 'x');
  const auto start = Clock::now();
  for (int i = 0; i < rows; i += batch) {
    run("BEGIN");
    for (int j = 0; j < batch; ++j) {
      sqlite3_bind_blob(insert, 1, bytes.data(), 200, SQLITE_STATIC);
      Check(sqlite3_step(insert) == SQLITE_DONE, "insert");
      sqlite3_reset(insert);
    }
    run("COMMIT");
  }
  const double rate = rows / Seconds(Clock::now() - start);
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return rate;
}

// One of `in_flight` groups that always has one append under way: a task submitted and started, about 200 B.
class Load {
 public:
  Load(Journal& journal, int in_flight, int appends)
      : journal_(journal), left_(appends), running_(in_flight) {
    std::promise<uint64_t> epoch;
    journal.Acquire({}, [&](Result<uint64_t> result) { epoch.set_value(result.value()); });
    epoch_ = epoch.get_future().get();
    groups_.resize(static_cast<size_t>(in_flight));
    TaskSpec task;
    task.work = FunctionSpec{.name = "covey.noop",
                             .payload = {.bytes = std::string(120, 'x'), .content_type = "text/plain"}};
    task_ = std::make_shared<const TaskSpec>(std::move(task));
  }

  // Appends a second.
  double Run() {
    const int appends = left_;
    const auto start = Clock::now();
    for (size_t i = 0; i < groups_.size(); ++i) Create(i);
    done_.get_future().get();
    return appends / Seconds(Clock::now() - start);
  }
  double MedianMicros() { return Median(micros_) * 1e6; }

 private:
  struct Group {
    uint64_t head = 0;
    uint32_t tasks = 0;
    Clock::time_point sent;
  };

  Append Begin(size_t i) {
    return {.group = "group-" + std::to_string(i),
            .epoch = epoch_,
            .expected = groups_[i].head,
            .commit_id = ++commits_};
  }

  void Create(size_t i) {
    Append append = Begin(i);
    auto spec = std::make_shared<const GroupSpec>(GroupSpec{.id = append.group});
    append.batch = std::make_shared<const Batch>(std::vector<Record>{
        {.number = 1, .event = {.kind = state::EventKind::kGroupCreated}, .group = spec}});
    append.summary = GroupSummary{.spec = spec};
    Send(i, std::move(append));
  }

  void Submit(size_t i) {
    Append append = Begin(i);
    const uint32_t task = groups_[i].tasks++;
    std::vector<Record> records;
    records.push_back({.number = append.expected + 1,
                       .event = {.kind = state::EventKind::kTaskSubmitted, .task = task},
                       .task = task_});
    records.push_back({.number = append.expected + 2,
                       .event = {.kind = state::EventKind::kTaskStarted, .task = task, .attempt = 1}});
    append.batch = std::make_shared<const Batch>(std::move(records));
    Send(i, std::move(append));
  }

  void Send(size_t i, Append append) {
    groups_[i].sent = Clock::now();
    journal_.AppendAsync(std::move(append), [this, i](AppendResult result) {
      Check(result.kind == AppendResult::Kind::kCommitted, "append");
      micros_.push_back(Seconds(Clock::now() - groups_[i].sent));
      groups_[i].head = result.head;
      if (left_-- > 0) {
        Submit(i);
      } else if (--running_ == 0) {
        done_.set_value();
      }
    });
  }

  // Touched by one thread at a time: the caller's until the first answer, then that which answers.
  Journal& journal_;
  uint64_t epoch_ = 0;
  std::atomic<uint64_t> commits_ = 0;
  std::atomic<int> left_;
  std::atomic<int> running_;
  std::vector<Group> groups_;
  std::vector<double> micros_;
  std::shared_ptr<const TaskSpec> task_;
  std::promise<void> done_;
};

std::unique_ptr<Journal> OpenOn(const std::string& directory, Durability durability = Durability::kFull) {
  auto opened = OpenSqliteJournal({.directory = directory, .durability = durability});
  Check(opened.ok(), "open");
  return std::move(opened.value());
}

struct Rate {
  double per_second = 0;
  double p50_micros = 0;
};

Rate JournalRate(int in_flight, int appends) {
  const Directory dir;
  const std::unique_ptr<Journal> journal = OpenOn(dir.path);
  Load load(*journal, in_flight, appends);
  Rate rate;
  rate.per_second = load.Run();
  journal->Close();
  rate.p50_micros = load.MedianMicros();
  return rate;
}

double MemoryRate(int in_flight) {
  MemoryJournal journal;
  Load load(journal, in_flight, kAppends * 5);
  return load.Run();
}

// 10^6 events of 100 groups, then a restart that reads all of them.
void Restart() {
  const Directory dir;
  {
    const std::unique_ptr<Journal> journal = OpenOn(dir.path, Durability::kNone);
    Load load(*journal, 100, 500'000);
    const double rate = load.Run();
    std::printf("write 10^6 events unsynced        %10.0f events/s\n", rate * 2);
  }
  const auto start = Clock::now();
  const std::unique_ptr<Journal> journal = OpenOn(dir.path);
  const double opened = Seconds(Clock::now() - start);
  size_t events = 0;
  for (int i = 0; i < 100; ++i) {
    uint64_t next = 1;
    for (;;) {
      std::promise<size_t> page;
      journal->Read("group-" + std::to_string(i), next, {.count = 5000},
                    [&](Result<std::vector<Record>> records) { page.set_value(records.value().size()); });
      const size_t count = page.get_future().get();
      if (count == 0) break;
      next += count;
      events += count;
    }
  }
  std::printf("open %.3f s, read %zu events back in %.2f s\n", opened, events,
              Seconds(Clock::now() - start) - opened);
}

void Main() {
  std::vector<double> sync, bare1, bare100, one, one_p50, many64, many64_p50, many1000, memory;
  for (int round = 0; round < kRounds; ++round) {
    sync.push_back(FdatasyncMicros());
    bare1.push_back(BareSqlite(1, 1000));
    bare100.push_back(BareSqlite(100, kAppends));
    Rate rate = JournalRate(1, 1000);
    one.push_back(rate.per_second);
    one_p50.push_back(rate.p50_micros);
    rate = JournalRate(64, kAppends);
    many64.push_back(rate.per_second);
    many64_p50.push_back(rate.p50_micros);
    many1000.push_back(JournalRate(1000, kAppends * 2).per_second);
    memory.push_back(MemoryRate(64));
  }
  const double reference = Median(bare100);
  std::printf("fdatasync p50                     %10.0f us\n", Median(sync));
  std::printf("bare SQLite, one a commit         %10.0f rows/s\n", Median(bare1));
  std::printf("bare SQLite, 100 a commit         %10.0f rows/s\n", reference);
  std::printf("journal, 1 in flight              %10.0f appends/s, p50 %.0f us = %.2f fdatasync\n",
              Median(one), Median(one_p50), Median(one_p50) / Median(sync));
  std::printf("journal, 64 in flight             %10.0f appends/s, p50 %.0f us, %.2f of bare 100\n",
              Median(many64), Median(many64_p50), Median(many64) / reference);
  std::printf("journal, 1000 in flight           %10.0f appends/s, %.2f of bare 100\n", Median(many1000),
              Median(many1000) / reference);
  std::printf("journal in memory, 64 in flight   %10.0f appends/s\n", Median(memory));
  Restart();
}

}  // namespace
}  // namespace covey

// journal_bench [restart]
int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "restart") {
    covey::Restart();
  } else {
    covey::Main();
  }
  return 0;
}
