#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/engine/engine.h"
#include "core/engine/retention.h"
#include "core/executor/function_executor.h"
#include "core/output/file_output_store.h"
#include "server/journal/sqlite_journal.h"

// Groups come and go under retention for a long time: what they leave must stay as it is after the first tenth. soak_bench
// [GROUPS], by default 20,000, of which a tenth stays; each has a task with 200 bytes of input that writes 100 bytes.
namespace covey {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kParts = 10;
constexpr size_t kInFlight = 64;  // groups

struct Directory {
  Directory() {
    std::string name = (std::filesystem::current_path() / "soak-bench-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
};

double ResidentMebibytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::atof(line.c_str() + 6) / 1024;
  }
  return 0;
}

// Of all files; what is deleted meanwhile is not counted.
double DataMegabytes(const std::string& path) {
  uint64_t bytes = 0;
  std::error_code failed;
  for (auto at = std::filesystem::recursive_directory_iterator(path, failed);
       at != std::filesystem::recursive_directory_iterator(); at.increment(failed)) {
    std::error_code gone;
    if (const auto size = at->is_regular_file(gone) ? at->file_size(gone) : 0; !gone) bytes += size;
  }
  return static_cast<double>(bytes) / 1e6;
}

// Makes groups, a number of them at a time, and knows how long each lived.
class Load {
 public:
  explicit Load(Engine& engine) : engine_(engine) {}

  void Make(size_t groups) {
    MutexLock lock(mutex_);
    times_.clear();
    for (size_t i = 0; i < groups; ++i) {
      while (in_flight_ == kInFlight) changed_.Wait(mutex_);
      ++in_flight_;
      lock.Unlock();
      MakeOne();
      lock.Lock();
    }
    while (in_flight_ > 0) changed_.Wait(mutex_);
    std::sort(times_.begin(), times_.end());
  }
  double Milliseconds(double share) {
    MutexLock lock(mutex_);
    return times_[static_cast<size_t>(share * static_cast<double>(times_.size() - 1))];
  }

 private:
  void MakeOne() {
    TaskSpec task{.work = FunctionSpec{.name = "write", .payload = {.bytes = std::string(200, 'p')}}};
    const auto start = Clock::now();
    engine_.CreateGroup(
        {.tasks = {std::move(task)}, .seal = true}, [this, start](Result<Engine::GroupPtr> made) {
          if (!made.ok()) {
            std::fprintf(stderr, "soak_bench: %s\n", made.error().message.c_str());
            std::exit(1);
          }
          (void)made.value()->Wait([this, start] {
            MutexLock lock(mutex_);
            times_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
            --in_flight_;
            changed_.NotifyOne();
          });
        });
  }

  Engine& engine_;
  Mutex mutex_;
  CondVar changed_;
  size_t in_flight_ COVEY_GUARDED_BY(mutex_) = 0;
  std::vector<double> times_ COVEY_GUARDED_BY(mutex_);
};

int Soak(size_t groups) {
  const Directory dir;
  auto journal = OpenSqliteJournal({.directory = dir.path});
  auto output = FileOutputStore::Open({.directory = dir.path + "/output"});
  if (!journal.ok() || !output.ok()) return 1;
  const std::shared_ptr<Journal> shared = std::move(journal.value());
  const std::shared_ptr<FileOutputStore> store = std::move(output.value());
  auto functions = std::make_shared<FunctionRegistry>();
  functions->Register("write", [](const Context&, FunctionCall& call) {
    call.Write(std::string(100, 'w'));
    return Status::Ok();
  });
  ExecutorTable executors;
  executors.Set<FunctionSpec>(std::make_shared<FunctionExecutor>(functions));
  Engine engine({.journal = shared, .output = store, .executors = executors, .pools = {{"default", 64}}});
  if (engine.Recover()) return 1;
  engine.Run();
  Retention retention(engine,
                      {.bounds = {.groups = groups / kParts}, .every = std::chrono::milliseconds(200)});
  retention.Start();
  Load load(engine);
  for (int part = 1; part <= kParts; ++part) {
    const auto start = Clock::now();
    load.Make(groups / kParts);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const std::string at = " after " + std::to_string(groups / kParts * part) + " groups";
    std::printf("groups%-34s  %8.0f groups/s\n", at.c_str(), static_cast<double>(groups / kParts) / seconds);
    std::printf("half of them took%-23s  %8.2f ms\n", at.c_str(), load.Milliseconds(0.5));
    std::printf("99 %% took less than%-21s  %8.2f ms\n", at.c_str(), load.Milliseconds(0.99));
    std::printf("data directory%-26s  %8.1f MB\n", at.c_str(), DataMegabytes(dir.path));
    std::printf("memory%-34s  %8.1f MiB\n", at.c_str(), ResidentMebibytes());
    std::printf("kept%-36s  %8llu groups\n", at.c_str(),
                static_cast<unsigned long long>(engine.journal_usage().ended_groups));
    std::fflush(stdout);
  }
  retention.Stop();
  shared->Close();
  return 0;
}

}  // namespace
}  // namespace covey

int main(int argc, char** argv) {
  return covey::Soak(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 20'000);
}
