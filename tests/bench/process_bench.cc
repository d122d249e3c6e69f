// Processes a second: the supervisor against bare posix_spawn, two at a time, stdout and stderr piped and
// drained. Reference and candidates take turns in one run, and the median of the ratios is what counts.
//
//   process_bench [rounds] [processes a round]

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/check.h"
#include "core/base/mutex.h"
#include "core/process/supervisor.h"

namespace covey {
namespace {

using Clock = std::chrono::steady_clock;
constexpr char kProgram[] = "/bin/true";
constexpr int kAtOnce = 2;

// CPU time of this program and of the children that it has reaped, in microseconds.
double CpuMicroseconds() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) sum += 1e6 * time.tv_sec + time.tv_usec;
  }
  return sum;
}

struct Measure {
  double per_second = 0;
  double cpu_microseconds = 0;  // a process
};

// Runs `run`, which starts and ends `count` processes.
template <typename Run>
Measure Take(int count, Run run) {
  const double cpu = CpuMicroseconds();
  const Clock::time_point begin = Clock::now();
  run();
  return {count / std::chrono::duration<double>(Clock::now() - begin).count(),
          (CpuMicroseconds() - cpu) / count};
}

// What a program without a supervisor would do at least.
void SpawnBare() {
  int out[2], err[2];
  COVEY_CHECK(::pipe2(out, O_CLOEXEC) == 0 && ::pipe2(err, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, err[1], 2);
  char* argv[] = {const_cast<char*>(kProgram), nullptr};
  char* envp[] = {nullptr};
  pid_t pid = 0;
  COVEY_CHECK(::posix_spawn(&pid, kProgram, &actions, nullptr, argv, envp) == 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  ::close(err[1]);
  pollfd fds[2] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  char buffer[65536];
  for (int open = 2; open > 0;) {
    ::poll(fds, 2, -1);
    for (pollfd& fd : fds) {
      if (fd.revents == 0 || ::read(fd.fd, buffer, sizeof buffer) > 0) continue;
      ::close(fd.fd);
      fd.fd = -1;
      --open;
    }
  }
  int status = 0;
  COVEY_CHECK(::waitpid(pid, &status, 0) == pid && status == 0);
}

Measure MeasureBare(int count) {
  return Take(count, [count] {
    std::atomic<int> left{count};
    std::vector<std::thread> threads;
    for (int i = 0; i < kAtOnce; ++i) {
      threads.emplace_back([&left] {
        while (left.fetch_sub(1) > 0) SpawnBare();
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
}

// Each end starts the next one.
class Relay : public ProcessListener, public std::enable_shared_from_this<Relay> {
 public:
  Relay(ProcessSupervisor* supervisor, int count)
      : supervisor_(supervisor), unstarted_(count), unended_(count) {
    spec_->argv = {kProgram};
  }

  void Run() {
    for (int i = 0; i < kAtOnce; ++i) StartNext();
    MutexLock lock(mutex_);
    while (unended_ > 0) done_.Wait(mutex_);
  }

  void OnStarted(pid_t) override {}
  void OnOutput(OutputStream, std::string_view) override {}
  void OnStopDelivered(int) override {}
  void OnKilled() override {}
  void OnGone(const ProcessResult& result) override {
    COVEY_CHECK(result.kind == ProcessResult::Kind::kExited && result.code == 0);
    StartNext();
    MutexLock lock(mutex_);
    if (--unended_ == 0) done_.NotifyAll();
  }

 private:
  void StartNext() {
    const int number = unstarted_.fetch_sub(1);
    if (number > 0) supervisor_->Start(spec_, "bench-" + std::to_string(number), shared_from_this());
  }

  ProcessSupervisor* const supervisor_;
  const std::shared_ptr<ProcessSpec> spec_ = std::make_shared<ProcessSpec>();
  std::atomic<int> unstarted_;
  Mutex mutex_;
  CondVar done_;
  int unended_ COVEY_GUARDED_BY(mutex_);
};

struct Candidate {
  const char* name;
  bool cgroups;
  bool subreaper;
  std::vector<double> rates = {};
  std::vector<double> ratios = {};
  std::vector<double> cpu = {};
};

// Nothing when the mechanism is not to be had here.
std::optional<Measure> MeasureSupervisor(const Candidate& candidate, int count) {
  ProcessSupervisor::Options options;
  options.use_cgroups = candidate.cgroups;
  options.become_subreaper = candidate.subreaper;
  auto created = ProcessSupervisor::Create(options);
  if (!created.ok()) {
    std::fprintf(stderr, "%s: %s\n", candidate.name, created.error().message.c_str());
    return std::nullopt;
  }
  const std::unique_ptr<ProcessSupervisor> supervisor = std::move(created.value());
  std::make_shared<Relay>(supervisor.get(), 20)->Run();
  return Take(count, [&] { std::make_shared<Relay>(supervisor.get(), count)->Run(); });
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Main(int rounds, int count) {
  Candidate candidates[] = {{"cgroups", true, false}, {"subreaper, no cgroups", false, true}};
  std::vector<double> bare, bare_cpu;
  MeasureBare(count / 4);
  for (int round = 0; round < rounds; ++round) {
    for (Candidate& candidate : candidates) {
      // Before and after, so that a drift of the machine meets both alike.
      const Measure before = MeasureBare(count / 2);
      const std::optional<Measure> measure = MeasureSupervisor(candidate, count);
      const Measure after = MeasureBare(count / 2);
      const double reference = 2 / (1 / before.per_second + 1 / after.per_second);
      bare.push_back(reference);
      bare_cpu.push_back((before.cpu_microseconds + after.cpu_microseconds) / 2);
      if (!measure) continue;
      candidate.rates.push_back(measure->per_second);
      candidate.ratios.push_back(measure->per_second / reference);
      candidate.cpu.push_back(measure->cpu_microseconds);
    }
  }
  std::printf("%-24s %8.0f/s                %6.0f us CPU each\n", "bare posix_spawn", Median(bare),
              Median(bare_cpu));
  for (const Candidate& candidate : candidates) {
    if (candidate.rates.empty()) {
      std::printf("%-24s not available here\n", candidate.name);
      continue;
    }
    std::printf("%-24s %8.0f/s   ratio %.2f   %6.0f us CPU each\n", candidate.name, Median(candidate.rates),
                Median(candidate.ratios), Median(candidate.cpu));
  }
  return 0;
}

}  // namespace
}  // namespace covey

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  const int count = argc > 2 ? std::atoi(argv[2]) : 1000;
  if (rounds < 1 || count < 8) {
    std::fprintf(stderr, "usage: process_bench [rounds, at least 1] [processes a round, at least 8]\n");
    return 64;
  }
  return covey::Main(rounds, count);
}
