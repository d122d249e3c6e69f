#include "server/journal/readers.h"

#include <utility>

#include "core/base/check.h"

namespace covey {

Readers::Readers(std::vector<std::unique_ptr<ReadConnection>> connections) {
  MutexLock stop(stop_mutex_);
  for (auto& connection : connections) {
    threads_.emplace_back(
        [this, shared = std::shared_ptr<ReadConnection>(std::move(connection))] { Run(shared.get()); });
  }
}

void Readers::Post(Job job) {
  {
    MutexLock lock(mutex_);
    if (!stopping_) {
      queue_.push_back(std::move(job));
      work_.NotifyOne();
      return;
    }
  }
  job(nullptr);
}

void Readers::Hold(std::function<void()> quiet) {
  {
    MutexLock lock(mutex_);
    COVEY_CHECK(!held_);
    if (!stopping_) held_ = true;
    if (busy_ > 0) {
      quiet_ = std::move(quiet);
      return;
    }
  }
  quiet();
}

void Readers::Release() {
  {
    MutexLock lock(mutex_);
    held_ = false;
  }
  work_.NotifyAll();
}

void Readers::Stop() {
  MutexLock stop(stop_mutex_);
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    held_ = false;
  }
  work_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Readers::Run(ReadConnection* connection) {
  MutexLock lock(mutex_);
  for (;;) {
    while ((queue_.empty() || held_) && !stopping_) work_.Wait(mutex_);
    if (queue_.empty()) return;
    Job job = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    lock.Unlock();
    job(connection);
    job = nullptr;
    lock.Lock();
    if (--busy_ > 0 || !quiet_) continue;
    const std::function<void()> quiet = std::exchange(quiet_, nullptr);
    lock.Unlock();
    quiet();
    lock.Lock();
  }
}

}  // namespace covey
