#include "core/output/output_writers.h"

#include <deque>
#include <utility>

#include "core/base/mutex.h"

namespace covey {

struct OutputWriters::State {
  Mutex mutex;
  CondVar changed;
  CondVar idle;
  std::deque<std::function<void()>> jobs COVEY_GUARDED_BY(mutex);
  size_t busy COVEY_GUARDED_BY(mutex) = 0;  // threads that carry out a job
  bool closing COVEY_GUARDED_BY(mutex) = false;
};

OutputWriters::OutputWriters(size_t threads) : state_(std::make_shared<State>()) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([state = state_] { Loop(*state); });
}

OutputWriters::~OutputWriters() {
  {
    MutexLock lock(state_->mutex);
    state_->closing = true;
    state_->changed.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.get_id() == std::this_thread::get_id()) {
      thread.detach();  // it ends after the job that this comes from
    } else {
      thread.join();
    }
  }
}

void OutputWriters::Run(std::function<void()> job) {
  MutexLock lock(state_->mutex);
  state_->jobs.push_back(std::move(job));
  state_->changed.NotifyOne();
}

void OutputWriters::WaitIdle() {
  MutexLock lock(state_->mutex);
  while (state_->busy > 0 || !state_->jobs.empty()) state_->idle.Wait(state_->mutex);
}

void OutputWriters::Loop(State& state) {
  MutexLock lock(state.mutex);
  for (;;) {
    while (state.jobs.empty() && !state.closing) state.changed.Wait(state.mutex);
    if (state.jobs.empty()) return;
    std::function<void()> job = std::move(state.jobs.front());
    state.jobs.pop_front();
    ++state.busy;
    lock.Unlock();
    job();
    job = nullptr;  // what it holds ends without the lock
    lock.Lock();
    --state.busy;
    if (state.busy == 0 && state.jobs.empty()) state.idle.NotifyAll();
  }
}

}  // namespace covey
