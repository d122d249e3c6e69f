#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/check.h"
#include "core/base/mutex.h"
#include "core/executor/executor.h"

namespace covey::testing {

// Keeps what an executor tells of one attempt.
class Recorder final : public AttemptListener {
 public:
  void OnStarted() override {
    MutexLock lock(mutex_);
    started_ = true;
  }
  void OnOutput(OutputStream stream, std::string_view bytes) override {
    MutexLock lock(mutex_);
    (stream == OutputStream::kStdout ? out_ : err_).append(bytes);
    changed_.NotifyAll();
  }
  void OnDelivered(int signal) override {
    MutexLock lock(mutex_);
    delivered_.push_back(signal);
  }
  void OnKilled() override {
    MutexLock lock(mutex_);
    killed_ = true;
  }
  void OnExit(Status status, std::shared_ptr<const Payload> result) override {
    MutexLock lock(mutex_);
    COVEY_CHECK(!exit_);
    exit_ = std::move(status);
    result_ = std::move(result);
    changed_.NotifyAll();
  }
  void OnLost(Failure) override { COVEY_CHECK(false); }

  // Waits for the exit.
  Status Exit() {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    MutexLock lock(mutex_);
    while (!exit_) COVEY_CHECK(changed_.WaitUntil(mutex_, until) || exit_);
    return *exit_;
  }
  // Waits until `text` has been written to stdout.
  void AwaitOutput(std::string_view text) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    MutexLock lock(mutex_);
    while (out_.find(text) == std::string::npos) COVEY_CHECK(changed_.WaitUntil(mutex_, until));
  }

  std::string out() const { return Locked(out_); }
  std::string err() const { return Locked(err_); }
  std::vector<int> delivered() const { return Locked(delivered_); }
  bool started() const { return Locked(started_); }
  bool killed() const { return Locked(killed_); }
  std::shared_ptr<const Payload> result() const { return Locked(result_); }

 private:
  template <typename T>
  T Locked(const T& value) const {
    MutexLock lock(mutex_);
    return value;
  }

  mutable Mutex mutex_;
  CondVar changed_;
  std::string out_;
  std::string err_;
  std::vector<int> delivered_;
  bool started_ = false;
  bool killed_ = false;
  std::optional<Status> exit_;
  std::shared_ptr<const Payload> result_;
};

}  // namespace covey::testing
