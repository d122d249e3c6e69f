#include "covey/closer.h"

#include <optional>
#include <utility>

#include "core/base/after.h"
#include "core/base/check.h"
#include "core/base/mutex.h"
#include "core/run/current.h"
#include "core/run/run_caught.h"

namespace covey {

class Closer::Impl {
 public:
  Impl(const Options& options, bool cancels)
      : cancels_(cancels),
        context_(options.context.WithCancel()),
        pool_(options.pool != nullptr ? options.pool : Pool::Default()) {}

  void Start(std::shared_ptr<Runner> runner, bool recover) COVEY_EXCLUDES(mutex_);
  std::optional<Status> CloseUntil(Context::Clock::time_point until) COVEY_EXCLUDES(mutex_);
  bool ended() const COVEY_EXCLUDES(mutex_);

 private:
  // Constant after construction.
  const bool cancels_;
  const Context context_;
  const std::shared_ptr<Pool> pool_;

  mutable Mutex mutex_;  // no other lock is taken under it
  CondVar over_;
  bool cancelled_ COVEY_GUARDED_BY(mutex_) = false;
  bool closed_ COVEY_GUARDED_BY(mutex_) = false;           // somebody has got the status
  std::optional<Status> status_ COVEY_GUARDED_BY(mutex_);  // of the runner, once it has ended
};

void Closer::Impl::Start(std::shared_ptr<Runner> runner, bool recover) {
  COVEY_CHECK(runner != nullptr);
  Status refused = pool_->Go(context_, [this, runner = std::move(runner), recover]() mutable {
    struct Ending {
      Impl& closer;
      std::shared_ptr<Runner>& runner;
    } ending{*this, runner};
    const auto end = [](void* argument, Status status) {
      auto& [closer, ended] = *static_cast<Ending*>(argument);
      ended = nullptr;  // what it holds ends before Close returns
      MutexLock lock(closer.mutex_);
      closer.status_ = std::move(status);
      closer.over_.NotifyAll();  // with the lock held: who waits may destroy it as soon as it sees the status
    };
    const Caught caught{.recover = recover, .thread_ends = end, .argument = &ending};
    Status status;
    {
      const Current current(this, nullptr);
      status = RunCaught([&] { return runner->Run(context_); }, caught);
    }
    end(&ending, std::move(status));
  });
  if (!refused.ok()) {
    // It knows why better than the pool does.
    if (Is(refused, Rejection::kDispatchTimeout) && context_.done()) refused = context_.cause();
    MutexLock lock(mutex_);
    status_ = std::move(refused);
  }
}

std::optional<Status> Closer::Impl::CloseUntil(Context::Clock::time_point until) {
  const bool within = Current::In(this);
  MutexLock lock(mutex_);
  if (!std::exchange(cancelled_, true) && cancels_) {
    lock.Unlock();
    context_.Cancel({.kind = FailureKind::kCancelled, .message = "closed"});
    lock.Lock();
  }
  if (within) return Status::Error("a runner closes its own closer: it would wait for itself for ever");
  while (!status_) {
    if (Context::Clock::now() >= until) return std::nullopt;
    over_.WaitUntil(mutex_, until);
  }
  return std::exchange(closed_, true) ? ErrClosed() : *status_;
}

bool Closer::Impl::ended() const {
  MutexLock lock(mutex_);
  return status_.has_value();
}

Closer::Closer(std::shared_ptr<Runner> runner, const Options& options, bool cancels)
    : impl_(std::make_unique<Impl>(options, cancels)) {
  impl_->Start(std::move(runner), options.recover);
}

Closer::~Closer() { static_cast<void>(Close()); }

Status Closer::Close() { return *CloseFor(std::chrono::nanoseconds::max()); }

std::optional<Status> Closer::CloseFor(Span duration) {
  return impl_->CloseUntil(After(Context::Clock::now(), duration));
}

bool Closer::ended() const { return impl_->ended(); }

}  // namespace covey
