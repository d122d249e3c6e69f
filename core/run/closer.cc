#include "core/run/closer.h"

#include <utility>

#include "core/base/check.h"

namespace covey {

Closer::Closer(std::shared_ptr<Runner> runner, const Options& options, bool cancels)
    : cancels_(cancels),
      context_(options.context.WithCancel()),
      pool_(options.pool != nullptr ? options.pool : Pool::Default()) {
  COVEY_CHECK(runner != nullptr);
  Status refused =
      pool_->Go(context_, [this, runner = std::move(runner), recover = options.recover]() mutable {
        Status status = RunCaught([&] { return runner->Run(context_); }, recover);
        runner = nullptr;  // what it holds ends before Close returns
        MutexLock lock(mutex_);
        status_ = std::move(status);
        over_.NotifyAll();  // with the lock held: who waits may destroy this as soon as it sees the status
      });
  if (!refused.ok()) {
    MutexLock lock(mutex_);
    status_ = std::move(refused);
  }
}

Closer::~Closer() { static_cast<void>(Close()); }

Status Closer::Close() {
  MutexLock lock(mutex_);
  if (closed_) return ErrClosed();
  closed_ = true;
  if (cancels_) {
    lock.Unlock();
    context_.Cancel({.kind = FailureKind::kCancelled, .message = "closed"});
    lock.Lock();
  }
  while (!status_) over_.Wait(mutex_);
  return *status_;
}

bool Closer::ended() const {
  MutexLock lock(mutex_);
  return status_.has_value();
}

}  // namespace covey
