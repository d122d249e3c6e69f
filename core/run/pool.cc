#include "covey/pool.h"

#include <optional>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/run/blocking_lane.h"
#include "core/run/delivery.h"
#include "core/run/share.h"
#include "core/run/thread_set.h"
#include "covey/timer_queue.h"

namespace covey {

std::shared_ptr<Pool> Pool::New(Options options) {
  COVEY_CHECK(options.max <= kMaxSlots);
  return std::shared_ptr<Pool>(new Pool(options));
}

const std::shared_ptr<Pool>& Pool::Default() {
  static const auto* const kDefault = new std::shared_ptr<Pool>(New(Options{}));
  return *kDefault;
}

Pool::Pool(const Options& options)
    : threads_(std::make_shared<ThreadSet>(
          options.idle_time, options.timers != nullptr ? options.timers : TimerQueue::Default())),
      slots_(SlotTree::New(options.max, options.parked)) {}

Pool::~Pool() { threads_->Stop(); }

Status Pool::Go(const Context& context, std::function<void()> task) {
  // Each call queues by itself. The slot outlives the call: the task carries the lane.
  auto lane = std::make_shared<BlockingLane>(shared_from_this());
  if (Status status = lane->Acquire(context); !status.ok()) return status;
  Run([lane = std::move(lane), task = std::move(task)]() mutable {
    task();
    task = nullptr;  // what it holds ends before the slot is free
    lane->Release();
    lane = nullptr;
  });
  return Status::Ok();
}

void Pool::Run(std::function<void()> work) { threads_->Run(std::move(work), slots_->stats().max); }

void Pool::SetMax(uint32_t max) {
  COVEY_CHECK(max <= kMaxSlots);
  Deliver(slots_->SetMax(max));
}

void Pool::Unpark() { Deliver(slots_->Unpark()); }

void Pool::SetIdleTime(std::chrono::nanoseconds idle_time) { threads_->SetIdleTime(idle_time); }

Pool::Stats Pool::stats() const {
  const ThreadSet::Stats threads = threads_->stats();
  const SlotTree::Stats slots = slots_->stats();
  return {.max = slots.max,
          .running = slots.running,
          .waiting = slots.waiting,
          .threads = threads.threads,
          .idle_threads = threads.idle,
          .closed = slots.closed};
}

size_t Pool::waiting() const { return slots_->stats().waiting; }

Status Pool::Close() {
  std::optional<std::vector<SlotAnswer>> refusals = slots_->Close();
  if (!refusals) return ErrClosed();
  Deliver(std::move(*refusals));
  slots_->WaitUntilIdle();
  return Status::Ok();
}

}  // namespace covey
