#include "covey/closer.h"

#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/base/mutex.h"
#include "core/run/run_caught.h"

namespace covey {

class Closer::Impl {
 public:
  Impl(const Options& options, bool cancels)
      : cancels_(cancels),
        context_(options.context.WithCancel()),
        pool_(options.pool != nullptr ? options.pool : Pool::Default()) {}

  void Start(std::shared_ptr<Runner> runner, bool recover) COVEY_EXCLUDES(mutex_);
  Status Close() COVEY_EXCLUDES(mutex_);
  bool ended() const COVEY_EXCLUDES(mutex_);

 private:
  // Constant after construction.
  const bool cancels_;
  const Context context_;
  const std::shared_ptr<Pool> pool_;

  mutable Mutex mutex_;  // no other lock is taken under it
  CondVar over_;
  bool closed_ COVEY_GUARDED_BY(mutex_) = false;
  std::optional<Status> status_ COVEY_GUARDED_BY(mutex_);  // of the runner, once it has ended
};

void Closer::Impl::Start(std::shared_ptr<Runner> runner, bool recover) {
  COVEY_CHECK(runner != nullptr);
  Status refused = pool_->Go(context_, [this, runner = std::move(runner), recover]() mutable {
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

Status Closer::Impl::Close() {
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

bool Closer::Impl::ended() const {
  MutexLock lock(mutex_);
  return status_.has_value();
}

Closer::Closer(std::shared_ptr<Runner> runner, const Options& options, bool cancels)
    : impl_(std::make_unique<Impl>(options, cancels)) {
  impl_->Start(std::move(runner), options.recover);
}

Closer::~Closer() { static_cast<void>(impl_->Close()); }

Status Closer::Close() { return impl_->Close(); }

bool Closer::ended() const { return impl_->ended(); }

}  // namespace covey
