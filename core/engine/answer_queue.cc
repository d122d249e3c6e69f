#include "core/engine/answer_queue.h"

#include <iterator>
#include <utility>
#include <vector>

#include "core/base/mutex.h"

namespace covey {

struct AnswerQueue::State {
  Mutex mutex;
  CondVar handed_over;
  std::vector<std::function<void()>> posted COVEY_GUARDED_BY(mutex);
  std::vector<std::function<void()>> ready COVEY_GUARDED_BY(mutex);  // handed over
  std::vector<std::function<void()>> last COVEY_GUARDED_BY(mutex);   // follows what is ready
  bool asleep COVEY_GUARDED_BY(mutex) = false;
  bool on_flush COVEY_GUARDED_BY(mutex) = false;  // no thread, or not any more
  bool running COVEY_GUARDED_BY(mutex) = false;   // on_flush: somebody carries out what is ready
  bool stopping COVEY_GUARDED_BY(mutex) = false;
};

AnswerQueue::AnswerQueue(Runs runs) : state_(std::make_shared<State>()) {
  MutexLock lock(state_->mutex);
  state_->on_flush = runs == Runs::kOnFlush;
  if (!state_->on_flush) thread_ = std::thread([state = state_] { Loop(*state); });
}

AnswerQueue::~AnswerQueue() { Stop(); }

void AnswerQueue::Stop() {
  Flush();
  {
    MutexLock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->handed_over.NotifyAll();
  if (thread_.joinable()) {
    if (thread_.get_id() == std::this_thread::get_id()) {
      thread_.detach();  // it ends after the work that this comes from
    } else {
      thread_.join();
    }
  }
  {
    MutexLock lock(state_->mutex);
    state_->on_flush = true;
  }
  Flush();  // what came meanwhile
}

void AnswerQueue::Post(std::function<void()> work) {
  MutexLock lock(state_->mutex);
  state_->posted.push_back(std::move(work));
}

void AnswerQueue::PostLast(std::function<void()> work) {
  MutexLock lock(state_->mutex);
  state_->last.push_back(std::move(work));
}

void AnswerQueue::Flush() {
  const std::shared_ptr<State> state = state_;  // work may end the queue
  MutexLock lock(state->mutex);
  if (state->posted.empty() && state->last.empty() && (state->ready.empty() || !state->on_flush)) return;
  std::move(state->posted.begin(), state->posted.end(), std::back_inserter(state->ready));
  state->posted.clear();
  if (!state->on_flush) {
    const bool wake = std::exchange(state->asleep, false);
    lock.Unlock();
    if (wake) state->handed_over.NotifyOne();
    return;
  }
  // What is flushed from within, or by another thread meanwhile, is carried out by whoever is at it: in
  // order.
  if (state->running) return;
  state->running = true;
  while (!state->ready.empty() || !state->last.empty()) {
    std::vector<std::function<void()>> work;
    work.swap(state->ready.empty() ? state->last : state->ready);
    lock.Unlock();
    for (const auto& each : work) each();
    work.clear();
    lock.Lock();
  }
  state->running = false;
}

void AnswerQueue::Loop(State& state) {
  std::vector<std::function<void()>> work;
  bool last_is_due = false;  // however much comes meanwhile
  MutexLock lock(state.mutex);
  for (;;) {
    while (state.ready.empty() && state.last.empty() && !state.stopping) {
      state.asleep = true;
      state.handed_over.Wait(state.mutex);
    }
    state.asleep = false;
    if (state.ready.empty() && state.last.empty()) return;
    work.swap(last_is_due || state.ready.empty() ? state.last : state.ready);
    lock.Unlock();
    for (const auto& each : work) each();
    work.clear();  // what it holds ends without the lock
    lock.Lock();
    last_is_due = !last_is_due && !state.last.empty();
  }
}

}  // namespace covey
