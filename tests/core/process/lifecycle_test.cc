// Many at once, races, limits, and the end of the supervisor itself.

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "core/base/unique_fd.h"
#include "core/process/leftovers.h"
#include "core/process/owner.h"
#include "core/process/proc_fs.h"
#include "tests/core/process/process_testing.h"

namespace covey::testing {
namespace {

using Kind = ProcessResult::Kind;

class LifecycleTest : public SupervisorTest {};

INSTANTIATE_TEST_SUITE_P(Modes, LifecycleTest, ::testing::Values(Mode::kCgroup, Mode::kSubreaper), ModeName);

TEST_P(LifecycleTest, TwoHundredAtOnce) {
  constexpr int kCount = 200;
  TemporaryDirectory directory;
  // All wait for a file, so that all run at the same time.
  const std::string gate = directory.path() + "/gate";
  std::vector<std::shared_ptr<Recorder>> processes;
  for (int i = 0; i < kCount; ++i) {
    auto spec = Shell("cat; echo up; while [ ! -e " + gate + " ]; do sleep 0.2; done; exit " +
                      std::to_string(i % 100));
    spec->stdin_bytes = "input " + std::to_string(i) + "\n";
    processes.push_back(Start(spec));
  }
  for (const auto& process : processes) ASSERT_TRUE(process->WaitOutput("up"));
  for (const auto& process : processes) EXPECT_EQ(process->gone_calls(), 0);
  UniqueFd(::open(gate.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  for (int i = 0; i < kCount; ++i) {
    ASSERT_TRUE(processes[i]->WaitGone());
    EXPECT_EQ(processes[i]->result().code, i % 100);
    EXPECT_EQ(processes[i]->out(), "input " + std::to_string(i) + "\nup\n");
  }
}

// A file that whoever opens it has to wait for, as on a file system that does not answer: until Answer, or for as long
// as the kernel lets a lease be broken (45 s).
class HungFile {
 public:
  explicit HungFile(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    ::signal(SIGIO, SIG_IGN);  // it tells that somebody opens it
    held_ = ::fcntl(fd_.get(), F_SETLEASE, F_WRLCK) == 0;
  }
  ~HungFile() { Answer(); }
  bool held() const { return held_; }
  void Answer() { ::fcntl(fd_.get(), F_SETLEASE, F_UNLCK); }

 private:
  UniqueFd fd_;
  bool held_ = false;
};

TEST_P(LifecycleTest, StartsThatHangHoldUpNoOthers) {
  TemporaryDirectory directory;
  const std::string program = directory.path() + "/hung";
  ASSERT_EQ(std::system(("cp /bin/true " + program).c_str()), 0);
  HungFile file(program);
  if (!file.held()) GTEST_SKIP() << "no lease can be had on this file system";
  std::vector<std::shared_ptr<Recorder>> hung;
  const unsigned threads = std::clamp(std::thread::hardware_concurrency(), 2u, 8u);
  for (unsigned i = 0; i < threads + 2; ++i) hung.push_back(Start(Command({program})));
  const auto waiting = Start(Command({"/bin/true"}));
  const auto other = Start(Command({"/bin/true"}));
  ASSERT_TRUE(waiting->WaitGone());
  ASSERT_TRUE(other->WaitGone());
  EXPECT_EQ(waiting->result().kind, Kind::kExited);
  for (const auto& process : hung) EXPECT_EQ(process->gone_calls(), 0);
  file.Answer();
  for (const auto& process : hung) {
    ASSERT_TRUE(process->WaitGone());
    EXPECT_EQ(process->result().code, 0);
  }
}

// The thread that started it stands still in OnStarted while other things happen.
class Gate : public Recorder {
 public:
  void OnStarted(pid_t pid) override {
    Recorder::OnStarted(pid);
    MutexLock lock(mutex_);
    while (!open_) opened_.Wait(mutex_);
  }
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    opened_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar opened_;
  bool open_ COVEY_GUARDED_BY(mutex_) = false;
};

TEST_P(LifecycleTest, StoppedInTheQueueItIsNeverStarted) {
  supervisor_.reset();
  ProcessSupervisor::Options options = OptionsFor(GetParam());
  options.spawn_threads = 1;
  ASSERT_TRUE(Take(ProcessSupervisor::Create(options), &supervisor_));
  auto gate = std::make_shared<Gate>();
  supervisor_->Start(Shell("exit 0"), "", gate);
  ASSERT_TRUE(gate->WaitStarted());
  const auto stopped = Start(Shell("echo never"));
  supervisor_->Stop(last_id_);
  const auto killed = Start(Shell("echo never"));
  supervisor_->Kill(last_id_);
  // Told while the spawning thread still stands.
  ASSERT_TRUE(stopped->WaitGone());
  ASSERT_TRUE(killed->WaitGone());
  for (const auto& process : {stopped, killed}) {
    EXPECT_EQ(process->result().kind, Kind::kCancelled);
    EXPECT_EQ(process->events(), (std::vector<std::string>{"gone"}));
  }
  gate->Open();
  ASSERT_TRUE(gate->WaitGone());
}

TEST_P(LifecycleTest, StoppedBetweenTheStartAndItsNewsItIsStopped) {
  auto gate = std::make_shared<Gate>();
  const ProcessId id = supervisor_->Start(Shell("exec sleep " + UniqueSleep()), "", gate);
  ASSERT_TRUE(gate->WaitStarted());
  supervisor_->Stop(id);
  gate->Open();
  ASSERT_TRUE(gate->WaitGone());
  EXPECT_EQ(gate->result().code, SIGTERM);
  EXPECT_EQ(gate->events()[1], "stop 15");
}

TEST_P(LifecycleTest, StopRacesWithTheStart) {
  for (int i = 0; i < 150; ++i) {
    const std::string nap = UniqueSleep();
    const auto process = Start(Shell("exec sleep " + nap));
    std::thread stopper([&] { supervisor_->Stop(last_id_); });
    supervisor_->Stop(last_id_);
    stopper.join();
    ASSERT_TRUE(process->WaitGone());
    if (process->result().kind == Kind::kCancelled) {
      EXPECT_EQ(process->events(), (std::vector<std::string>{"gone"}));
    } else {
      EXPECT_EQ(process->result().kind, Kind::kSignalled);
      EXPECT_EQ(process->result().code, SIGTERM);
    }
    EXPECT_EQ(Running(nap), std::vector<pid_t>());
    EXPECT_EQ(process->gone_calls(), 1);
  }
}

TEST_P(LifecycleTest, StopRacesWithTheEnd) {
  for (int i = 0; i < 150; ++i) {
    const auto process = Start(Command({"true"}));
    ASSERT_TRUE(process->WaitStarted());
    if (i % 2 == 0) {
      supervisor_->Stop(last_id_);
    } else {
      supervisor_->Kill(last_id_);
    }
    ASSERT_TRUE(process->WaitGone());
    EXPECT_EQ(process->gone_calls(), 1);
  }
}

// Starts the next process from OnGone of the one before, on the supervisor's own thread.
class Chain : public Recorder {
 public:
  Chain(ProcessSupervisor* supervisor, int left, std::atomic<int>* ended)
      : supervisor_(supervisor), left_(left), ended_(ended) {}
  void OnGone(const ProcessResult& result) override {
    if (left_ > 0) {
      supervisor_->Start(Command({"true"}), "", std::make_shared<Chain>(supervisor_, left_ - 1, ended_));
    }
    Recorder::OnGone(result);
    ended_->fetch_add(1);
  }

 private:
  ProcessSupervisor* const supervisor_;
  const int left_;
  std::atomic<int>* const ended_;
};

TEST_P(LifecycleTest, ListenersMayStartProcesses) {
  std::atomic<int> ended{0};
  for (int i = 0; i < 4; ++i) {
    supervisor_->Start(Command({"true"}), "", std::make_shared<Chain>(supervisor_.get(), 24, &ended));
  }
  EXPECT_TRUE(Eventually([&] { return ended == 100; }));
}

TEST_P(LifecycleTest, TheEndOfTheSupervisorIsTheEndOfAllTrees) {
  const std::string nap = UniqueSleep();
  std::vector<std::shared_ptr<Recorder>> processes;
  for (int i = 0; i < 10; ++i) {
    processes.push_back(
        Start(Shell("trap '' TERM; setsid sh -c 'echo up; exec sleep " + nap + "' & sleep " + nap)));
  }
  for (const auto& process : processes) ASSERT_TRUE(process->WaitOutput("up"));
  // And some that may or may not have been started by then.
  for (int i = 0; i < 50; ++i) processes.push_back(Start(Shell("exec sleep " + nap)));
  supervisor_.reset();
  EXPECT_EQ(Running(nap), std::vector<pid_t>());
  for (const auto& process : processes) EXPECT_EQ(process->gone_calls(), 1);
}

TEST_P(LifecycleTest, WhatAListenerStartsAtTheEndIsCancelled) {
  std::atomic<int> ended{0};
  auto chain = std::make_shared<Chain>(supervisor_.get(), 1, &ended);
  supervisor_->Start(Shell("exec sleep " + UniqueSleep()), "", chain);
  ASSERT_TRUE(chain->WaitStarted());
  supervisor_.reset();
  EXPECT_EQ(ended, 2);
}

TEST_P(LifecycleTest, NoDescriptorIsLeft) {
  supervisor_.reset();
  const size_t before = OpenDescriptors();
  ASSERT_TRUE(Take(ProcessSupervisor::Create(OptionsFor(GetParam())), &supervisor_));
  for (int i = 0; i < 20; ++i) {
    auto spec = Shell("cat >/dev/null; echo out; sleep 86400 & exit 0");
    spec->stdin_bytes.assign(100'000, 'x');
    Run(spec);
    Run(Command({"no-such-program"}));
  }
  supervisor_.reset();
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_P(LifecycleTest, WithoutDescriptorsLeftAStartWaits) {
  // UndefinedBehaviorSanitizer needs descriptors when it meets a type for the first time.
  Run(Command({"true"}));
  Run(Command({"no-such-program"}));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  // For each number of free descriptors up to what a start needs.
  for (int free = 0; free < 12; ++free) {
    const int lowest = ::dup(STDIN_FILENO);
    ::close(lowest);
    rlimit low = before;
    low.rlim_cur = static_cast<rlim_t>(lowest + free);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
    auto spec = Shell("cat");
    spec->stdin_bytes.assign(100'000, 'x');
    const auto process = Start(spec);
    const auto behind = Start(Command({"true"}));
    supervisor_->Stop(last_id_);
    ASSERT_TRUE(behind->WaitGone());
    EXPECT_TRUE(free > 0 || process->events().empty());
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_TRUE(process->WaitGone());
    EXPECT_EQ(process->result().kind, Kind::kExited) << process->result().message;
    EXPECT_EQ(process->result().code, 0);
    EXPECT_EQ(process->out().size(), 100'000u);
    EXPECT_EQ(process->events(), (std::vector<std::string>{"started", "gone"}));
  }
}

TEST_P(LifecycleTest, WhatWaitsForDescriptorsCanBeStopped) {
  Run(Command({"true"}));
  const NoDescriptors none;
  const auto first = Start(Command({"true"}));
  const ProcessId first_id = last_id_;
  const auto second = Start(Command({"true"}));
  ASSERT_TRUE(Eventually([this] { return !Log().empty(); }));
  EXPECT_NE(Log().front().find("processes wait until they can be started: "), std::string::npos)
      << Log().front();
  EXPECT_NE(Log().front().find("Too many open files"), std::string::npos) << Log().front();
  supervisor_->Kill(last_id_);
  supervisor_->Stop(first_id);
  for (const auto& process : {first, second}) {
    ASSERT_TRUE(process->WaitGone());
    EXPECT_EQ(process->result().kind, Kind::kCancelled);
    EXPECT_EQ(process->events(), (std::vector<std::string>{"gone"}));
  }
}

TEST_P(LifecycleTest, WhatAUserMayNotRunForNowWaits) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  auto sleeper = Shell("exec sleep " + UniqueSleep());
  sleeper->user = "65534";
  sleeper->group = "65534";
  const auto running = Start(sleeper);
  const ProcessId running_id = last_id_;
  ASSERT_TRUE(running->WaitStarted());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NPROC, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &none), 0);
  auto spec = Command({"true"});
  spec->user = "65534";
  spec->group = "65534";
  const auto process = Start(spec);
  // Nobody else waits for it.
  EXPECT_EQ(Run(Command({"true"}))->result().code, 0);
  EXPECT_EQ(Run(Command({"true"}))->result().code, 0);
  EXPECT_EQ(process->gone_calls(), 0);
  ASSERT_EQ(::setrlimit(RLIMIT_NPROC, &before), 0);
  ASSERT_TRUE(process->WaitGone());
  EXPECT_EQ(process->result().code, 0) << process->result().message;
  supervisor_->Kill(running_id);
  ASSERT_TRUE(running->WaitGone());
}

TEST_P(LifecycleTest, MoreThanMayRunAtOnceWait) {
  supervisor_.reset();
  ProcessSupervisor::Options options = OptionsFor(GetParam());
  options.most_at_once = 2;
  ASSERT_TRUE(Take(ProcessSupervisor::Create(options), &supervisor_));
  std::vector<std::shared_ptr<Recorder>> processes;
  std::vector<ProcessId> ids;
  for (int i = 0; i < 3; ++i) {
    processes.push_back(Start(Shell("exec sleep " + UniqueSleep())));
    ids.push_back(last_id_);
  }
  ASSERT_TRUE(processes[0]->WaitStarted());
  ASSERT_TRUE(processes[1]->WaitStarted());
  // What cannot be started makes room too.
  for (int i = 0; i < 3; ++i) processes.push_back(Start(Command({"no-such-program"})));
  EXPECT_TRUE(processes[2]->events().empty());
  supervisor_->Kill(ids[0]);
  ASSERT_TRUE(processes[2]->WaitStarted());
  supervisor_->Kill(ids[1]);
  for (int i = 3; i < 6; ++i) ASSERT_TRUE(processes[static_cast<size_t>(i)]->WaitGone());
  supervisor_->Kill(ids[2]);
  ASSERT_TRUE(processes[2]->WaitGone());
}

TEST_P(LifecycleTest, TheSoftLimitOfOpenFilesCanBeSetForChildren) {
  supervisor_.reset();
  ProcessSupervisor::Options options = OptionsFor(GetParam());
  options.open_files = 77;
  ASSERT_TRUE(Take(ProcessSupervisor::Create(options), &supervisor_));
  EXPECT_EQ(Run(Shell("ulimit -Sn"))->out(), "77\n");
}

TEST_P(LifecycleTest, OneThatAdoptsOrphansMustBeAlone) {
  ProcessSupervisor::Options options = OptionsFor(Mode::kSubreaper);
  const auto second = ProcessSupervisor::Create(options);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_NE(second.error().message.find("another process supervisor"), std::string::npos);
  EXPECT_EQ(Run(Command({"true"}))->result().code, 0);
}

TEST_P(LifecycleTest, AnIgnoredSigchldIsRefused) {
  supervisor_.reset();
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGCHLD, &ignore, &before);
  const auto refused = ProcessSupervisor::Create(OptionsFor(GetParam()));
  ::sigaction(SIGCHLD, &before, nullptr);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("SIGCHLD is ignored"), std::string::npos);
  ASSERT_TRUE(Take(ProcessSupervisor::Create(OptionsFor(GetParam())), &supervisor_));
}

// These run in a program of their own, which GoogleTest starts anew from its beginning.
class OwnProgramTest : public ::testing::TestWithParam<Mode> {
 protected:
  void SetUp() override {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    if (const std::string why = WhyNot(GetParam()); !why.empty()) GTEST_SKIP() << why;
  }
};

INSTANTIATE_TEST_SUITE_P(Modes, OwnProgramTest, ::testing::Values(Mode::kCgroup, Mode::kSubreaper), ModeName);

[[noreturn]] void RunWithClosedStdio(Mode mode) {
  for (const int fd : {0, 1, 2}) ::close(fd);
  std::unique_ptr<ProcessSupervisor> supervisor;
  if (!Take(ProcessSupervisor::Create(OptionsFor(mode)), &supervisor)) ::_exit(10);
  for (const size_t size : {size_t{0}, size_t{3}, size_t{1'000'000}}) {
    auto spec = Shell("cat; echo err >&2; exit 5");
    spec->stdin_bytes.assign(size, 'x');
    auto process = std::make_shared<Recorder>();
    supervisor->Start(spec, "", process);
    if (!process->WaitGone()) ::_exit(11);
    if (process->result().code != 5) ::_exit(12);
    if (process->out() != spec->stdin_bytes || process->err() != "err\n") ::_exit(13);
  }
  supervisor.reset();
  ::_exit(0);
}

TEST_P(OwnProgramTest, WorksWithoutStandardStreams) {
  EXPECT_EXIT(RunWithClosedStdio(GetParam()), ::testing::ExitedWithCode(0), "");
}

// The name is handed to the other program through the environment.
std::string SharedName(const char* variable) {
  ::setenv(variable, UniqueSleep().c_str(), 0);
  return ::getenv(variable);
}

[[noreturn]] void StartAndDie(Mode mode, const std::string& nap) {
  std::unique_ptr<ProcessSupervisor> supervisor;
  if (!Take(ProcessSupervisor::Create(OptionsFor(mode)), &supervisor)) ::_exit(10);
  auto process = std::make_shared<Recorder>();
  // What the shell waits for does not name the sleep of its child, so that the two can be told apart.
  supervisor->Start(Shell("setsid sh -c 'echo up; exec sleep '" + nap + " & exec sleep " + nap + "0"),
                    "instance-" + nap + ":" + Owner::Self().Text() + ":task", process);
  if (!process->WaitOutput("up")) ::_exit(11);
  ::raise(SIGKILL);
  ::_exit(12);
}

TEST_P(OwnProgramTest, ItsSuddenDeathTakesTheRootsAtOnceAndTheRestAtTheNextStart) {
  const std::string nap = SharedName("COVEY_PROCESS_TEST_NAP");
  EXPECT_EXIT(StartAndDie(GetParam(), nap), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_TRUE(Eventually([&] { return Running(nap + "0").empty(); }));
  if (GetParam() == Mode::kCgroup) {
    std::unique_ptr<ProcessSupervisor> next;
    ASSERT_TRUE(Take(ProcessSupervisor::Create(OptionsFor(Mode::kCgroup)), &next));
  } else {
    LeftoverSearch search{
        .token_prefix = "instance-none:", .token_variable = "COVEY_TASK", .record = {}, .log = {}};
    EXPECT_EQ(KillLeftovers(search), 0u);
    search.token_prefix = "instance-" + nap + ":";
    EXPECT_GE(KillLeftovers(search), 1u);
  }
  EXPECT_EQ(Running(nap), std::vector<pid_t>());
  ::unsetenv("COVEY_PROCESS_TEST_NAP");
}

}  // namespace
}  // namespace covey::testing
