#include "tests/core/process/process_testing.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "core/process/proc_fs.h"

namespace covey::testing {

namespace {

// Enough for every test that looks at what it got.
constexpr size_t kKept = 16 * 1024 * 1024;

}  // namespace

template <typename Done>
bool Recorder::WaitFor(Done done) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  MutexLock lock(mutex_);
  while (!done()) {
    if (!changed_.WaitUntil(mutex_, deadline)) return done();
  }
  return true;
}

void Recorder::OnStarted(pid_t pid) {
  MutexLock lock(mutex_);
  EXPECT_TRUE(events_.empty());
  pid_ = pid;
  events_.push_back("started");
  changed_.NotifyAll();
}

void Recorder::OnOutput(OutputStream stream, std::string_view bytes) {
  MutexLock lock(mutex_);
  EXPECT_NE(pid_, -1) << "output before the start";
  EXPECT_EQ(gone_calls_, 0) << "output after the end";
  EXPECT_FALSE(bytes.empty());
  std::string& text = stream == OutputStream::kStdout ? out_ : err_;
  if (text.size() < kKept) text.append(bytes);
  changed_.NotifyAll();
}

void Recorder::OnStopDelivered(int signal) {
  MutexLock lock(mutex_);
  EXPECT_EQ(gone_calls_, 0);
  events_.push_back("stop " + std::to_string(signal));
  changed_.NotifyAll();
}

void Recorder::OnKilled() {
  MutexLock lock(mutex_);
  EXPECT_EQ(gone_calls_, 0);
  events_.push_back("killed");
  changed_.NotifyAll();
}

void Recorder::OnGone(const ProcessResult& result) {
  MutexLock lock(mutex_);
  ++gone_calls_;
  result_ = result;
  events_.push_back("gone");
  changed_.NotifyAll();
}

bool Recorder::WaitStarted() {
  return WaitFor([this]() COVEY_NO_TSA { return pid_ != -1; });
}
bool Recorder::WaitOutput(std::string_view text) {
  return WaitFor([&]() COVEY_NO_TSA { return out_.find(text) != std::string::npos; });
}
bool Recorder::WaitStopDelivered() {
  return WaitFor([this]() COVEY_NO_TSA { return events_.size() >= 2; });
}
bool Recorder::WaitGone() {
  return WaitFor([this]() COVEY_NO_TSA { return gone_calls_ > 0; });
}

pid_t Recorder::pid() const {
  MutexLock lock(mutex_);
  return pid_;
}
std::string Recorder::out() const {
  MutexLock lock(mutex_);
  return out_;
}
std::string Recorder::err() const {
  MutexLock lock(mutex_);
  return err_;
}
std::vector<std::string> Recorder::events() const {
  MutexLock lock(mutex_);
  return events_;
}
int Recorder::gone_calls() const {
  MutexLock lock(mutex_);
  return gone_calls_;
}
ProcessResult Recorder::result() const {
  MutexLock lock(mutex_);
  return result_;
}

std::string ModeName(const ::testing::TestParamInfo<Mode>& info) {
  switch (info.param) {
    case Mode::kCgroup:
      return "Cgroup";
    case Mode::kSubreaper:
      return "Subreaper";
  }
  return "";
}

ProcessSupervisor::Options OptionsFor(Mode mode) {
  ProcessSupervisor::Options options;
  options.use_cgroups = mode == Mode::kCgroup;
  options.become_subreaper = mode == Mode::kSubreaper;
  return options;
}

std::string WhyNot(Mode mode) {
  const auto supervisor = ProcessSupervisor::Create(OptionsFor(mode));
  return supervisor.ok() ? "" : supervisor.error().message;
}

std::shared_ptr<ProcessSpec> Command(std::vector<std::string> argv) {
  auto spec = std::make_shared<ProcessSpec>();
  spec->argv = std::move(argv);
  spec->env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
  spec->linger = std::chrono::milliseconds(20);  // many a test leaves something behind that holds a pipe
  return spec;
}

std::shared_ptr<ProcessSpec> Shell(const std::string& script) { return Command({"sh", "-c", script}); }

std::string UniqueSleep() {
  static std::atomic<int> count{0};
  return "86400." + std::to_string(::getpid()) + "0" + std::to_string(++count);
}

std::vector<pid_t> Running(std::string_view text) {
  std::vector<pid_t> pids;
  procfs::ForEachPid(
      [&](pid_t pid) {
        const std::string path = "/proc/" + std::to_string(pid) + "/cmdline";
        if (procfs::ReadFile(path.c_str()).find(text) != std::string::npos) pids.push_back(pid);
      },
      nullptr);
  return pids;
}

bool Eventually(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

size_t OpenDescriptors() {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

NoDescriptors::NoDescriptors() {
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
  rlimit low = before_;
  low.rlim_cur = 0;
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
}

NoDescriptors::~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }

TemporaryDirectory::TemporaryDirectory() {
  std::string name = std::filesystem::temp_directory_path() / "process_test_XXXXXX";
  if (::mkdtemp(name.data()) != nullptr) path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

void SupervisorTest::SetUp() {
  ProcessSupervisor::Options options = OptionsFor(GetParam());
  options.log = [this](std::string_view line) {
    MutexLock lock(log_mutex_);
    log_.emplace_back(line);
  };
  if (const std::string why = WhyNot(GetParam()); !why.empty() && GetParam() == Mode::kCgroup) {
    GTEST_SKIP() << why;
  }
  ASSERT_TRUE(Take(ProcessSupervisor::Create(options), &supervisor_));
}

void SupervisorTest::TearDown() {
  supervisor_.reset();
  EXPECT_EQ(procfs::ChildrenOf(::getpid(), nullptr), std::vector<pid_t>());
}

std::shared_ptr<Recorder> SupervisorTest::Start(std::shared_ptr<ProcessSpec> spec) {
  static std::atomic<int> count{0};
  auto recorder = std::make_shared<Recorder>();
  last_token_ = "test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  last_id_ = supervisor_->Start(std::move(spec), last_token_, recorder);
  return recorder;
}

std::shared_ptr<Recorder> SupervisorTest::Run(std::shared_ptr<ProcessSpec> spec) {
  std::shared_ptr<Recorder> recorder = Start(std::move(spec));
  EXPECT_TRUE(recorder->WaitGone());
  return recorder;
}

std::vector<std::string> SupervisorTest::Log() const {
  MutexLock lock(log_mutex_);
  return log_;
}

}  // namespace covey::testing
