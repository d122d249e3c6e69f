#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "core/base/check.h"
#include "core/base/mutex.h"
#include "covey/result.h"

namespace covey::cli {

// Asks questions on a thread of its own, so that a daemon that does not answer holds up no keys.
//
// Used by one thread. Its own thread goes on after the end of this when a question is under way: see busy. So a
// question owns all that it uses.
template <typename Answer>
class LiveFeed {
 public:
  using Question = std::function<Result<Answer>()>;

  LiveFeed() : state_(std::make_shared<State>()) {
    std::thread([state = state_] { state->Run(); }).detach();
  }
  ~LiveFeed() { state_->End(); }
  LiveFeed(const LiveFeed&) = delete;
  LiveFeed& operator=(const LiveFeed&) = delete;

  // The next question; one that waits for its turn gives way to it.
  void Ask(Question question) { state_->Ask(std::move(question)); }
  // The answer that came since the last time, if any.
  std::optional<Result<Answer>> Next() { return state_->Next(); }
  // Readable when Next has one.
  int fd() const { return state_->fd(); }
  // A question is being asked. A program that ends then must not wait for it, nor take its libraries down under
  // it.
  bool busy() const { return state_->busy(); }

 private:
  // Shared with the thread, which may outlive the feed.
  class State {
   public:
    State() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { COVEY_CHECK(fd_ >= 0); }
    ~State() { close(fd_); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void Run() COVEY_EXCLUDES(mutex_) {
      for (;;) {
        Question question;
        {
          const MutexLock lock(mutex_);
          asking_ = false;
          while (!next_ && !ended_) changed_.Wait(mutex_);
          if (ended_) return;
          asking_ = true;
          question = std::exchange(next_, nullptr);
        }
        Result<Answer> answer = question();
        {
          const MutexLock lock(mutex_);
          answer_ = std::move(answer);
        }
        const uint64_t one = 1;
        (void)!write(fd_, &one, sizeof(one));  // cannot fail: the counter is far from full
      }
    }
    void Ask(Question question) COVEY_EXCLUDES(mutex_) {
      {
        const MutexLock lock(mutex_);
        next_ = std::move(question);
      }
      changed_.NotifyAll();
    }
    void End() COVEY_EXCLUDES(mutex_) {
      {
        const MutexLock lock(mutex_);
        ended_ = true;
      }
      changed_.NotifyAll();
    }
    std::optional<Result<Answer>> Next() COVEY_EXCLUDES(mutex_) {
      uint64_t count = 0;
      (void)!read(fd_, &count, sizeof(count));
      const MutexLock lock(mutex_);
      return std::exchange(answer_, std::nullopt);
    }
    bool busy() COVEY_EXCLUDES(mutex_) {
      const MutexLock lock(mutex_);
      return asking_ || next_ != nullptr;
    }
    int fd() const { return fd_; }

   private:
    const int fd_;

    Mutex mutex_;
    CondVar changed_;
    Question next_ COVEY_GUARDED_BY(mutex_);
    bool asking_ COVEY_GUARDED_BY(mutex_) = false;
    bool ended_ COVEY_GUARDED_BY(mutex_) = false;
    std::optional<Result<Answer>> answer_ COVEY_GUARDED_BY(mutex_);
  };

  const std::shared_ptr<State> state_;
};

}  // namespace covey::cli
