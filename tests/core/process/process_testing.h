#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/process/supervisor.h"

namespace covey::testing {

// Bounds every wait; never part of what a test measures.
inline constexpr std::chrono::seconds kPatience(30);

// Keeps everything that it is told, and fails the test when calls come out of order.
class Recorder : public ProcessListener {
 public:
  void OnStarted(pid_t pid) override;
  void OnOutput(OutputStream stream, std::string_view bytes) override;
  void OnStopDelivered(int signal) override;
  void OnKilled() override;
  void OnGone(const ProcessResult& result) override;

  // False when the patience ran out.
  bool WaitStarted();
  bool WaitOutput(std::string_view text);
  bool WaitStopDelivered();
  bool WaitGone();

  pid_t pid() const;
  std::string out() const;
  std::string err() const;
  // "started", "stop 15", "killed", "gone".
  std::vector<std::string> events() const;
  int gone_calls() const;
  // Requires WaitGone().
  ProcessResult result() const;

 private:
  template <typename Done>
  bool WaitFor(Done done);

  mutable Mutex mutex_;
  CondVar changed_;
  pid_t pid_ COVEY_GUARDED_BY(mutex_) = -1;
  std::string out_ COVEY_GUARDED_BY(mutex_);
  std::string err_ COVEY_GUARDED_BY(mutex_);
  std::vector<std::string> events_ COVEY_GUARDED_BY(mutex_);
  int gone_calls_ COVEY_GUARDED_BY(mutex_) = 0;
  ProcessResult result_ COVEY_GUARDED_BY(mutex_);
};

// The two ways to attribute processes to trees.
enum class Mode { kCgroup, kSubreaper };

std::string ModeName(const ::testing::TestParamInfo<Mode>& info);

ProcessSupervisor::Options OptionsFor(Mode mode);
// Why this mode cannot be had here; empty: it can.
std::string WhyNot(Mode mode);

// Moves what a call answered into `out`; when it answered an error, fails the test with it.
template <typename T>
bool Take(Result<std::unique_ptr<T>> answer, std::unique_ptr<T>* out) {
  if (!answer.ok()) {
    ADD_FAILURE() << answer.error().message;
    return false;
  }
  *out = std::move(answer.value());
  return true;
}

std::shared_ptr<ProcessSpec> Command(std::vector<std::string> argv);
// `sh -c script`, with a PATH.
std::shared_ptr<ProcessSpec> Shell(const std::string& script);

// A duration for sleep(1) that no other process has in its command line: a name to find it by.
std::string UniqueSleep();
// Processes that run a program (zombies do not) and have `text` in their command line.
std::vector<pid_t> Running(std::string_view text);
// Polls `done` until it is true; false when the patience ran out.
bool Eventually(const std::function<bool()>& done);

size_t OpenDescriptors();

// While it lives this program can open nothing more.
class NoDescriptors {
 public:
  NoDescriptors();
  ~NoDescriptors();

 private:
  rlimit before_{};
};

// A directory that is removed at the end.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// One supervisor for each mode; skipped with the reason where that cannot be had.
class SupervisorTest : public ::testing::TestWithParam<Mode> {
 protected:
  void SetUp() override;
  // No test leaves a child behind.
  void TearDown() override;

  std::shared_ptr<Recorder> Start(std::shared_ptr<ProcessSpec> spec);
  // Start, and wait until it is gone.
  std::shared_ptr<Recorder> Run(std::shared_ptr<ProcessSpec> spec);

  ProcessId last_id_ = 0;
  std::string last_token_;
  std::vector<std::string> Log() const;

  std::unique_ptr<ProcessSupervisor> supervisor_;

 private:
  mutable Mutex log_mutex_;
  std::vector<std::string> log_ COVEY_GUARDED_BY(log_mutex_);
};

}  // namespace covey::testing
