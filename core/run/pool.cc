#include "covey/pool.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/per_process.h"
#include "core/run/blocking_lane.h"
#include "core/run/current.h"
#include "core/run/delivery.h"
#include "core/run/share.h"
#include "core/run/task_extra.h"
#include "core/run/thread_set.h"
#include "covey/timer_queue.h"

namespace covey {

std::shared_ptr<Pool> Pool::New(Options options) {
  return std::shared_ptr<Pool>(new Pool(std::move(options)));
}

const std::shared_ptr<Pool>& Pool::Default() {
  static PerProcess<std::shared_ptr<Pool>> pools;
  return pools.Get([] { return New(Options{}); });
}

Pool::Pool(Options options)
    : tasks_may_run_anywhere_(options.thread_name.empty() && !options.on_thread_start &&
                              !options.on_thread_stop),
      threads_(std::make_shared<ThreadSet>(
          options.idle_time, options.timers != nullptr ? options.timers : TimerQueue::Default())),
      slots_(SlotTree::New(std::min(options.max, kMaxSlots), options.parked)) {
  threads_->Keep(slots_);
  if (!tasks_may_run_anywhere_) {
    threads_->SetHooks({.name = std::move(options.thread_name),
                        .start = std::move(options.on_thread_start),
                        .stop = std::move(options.on_thread_stop)});
  }
}

Pool::~Pool() { threads_->Stop(); }

namespace {

// The end of a task without a group, also when it ends its thread (pthread_exit).
struct AloneEnds {
  ~AloneEnds() {
    node.ops->destroy(node);  // what it holds ends before the slot is free
    detail::End(node, Status::Ok());
    if (slots.Return(slots.others())) Deliver(slots.Settle(nullptr));
  }
  detail::TaskNode& node;
  SlotTree& slots;
};

// Its owner is the tree, which lives as long as the threads do. Nothing catches what it throws: so it ends the program.
void RunAlone(WorkItem& work) {
  auto& node = static_cast<detail::TaskNode&>(work);
  auto& slots = *static_cast<SlotTree*>(const_cast<void*>(node.owner));
  const AloneEnds ends{node, slots};
  const Current current(nullptr, &slots);
  static_cast<void>(node.ops->invoke(node, Context::Background()));
}

}  // namespace

Status Pool::Start(const Context& context, detail::TaskNode& node) {
  if (context.done()) return ErrDispatchTimeout();
  std::vector<SlotAnswer> answers;
  const bool taken = slots_->TryTake(slots_->others(), &answers);
  Deliver(std::move(answers));
  if (!taken) {
    // Each call queues by itself.
    BlockingLane lane(shared_from_this(), 0, &slots_->others());
    if (Status status = lane.Acquire(context); !status.ok()) return status;
  }
  node.run = &RunAlone;
  node.owner = slots_.get();
  node.state.store(detail::TaskNode::kTask, std::memory_order_relaxed);
  threads_->Run(node, slots_->max());
  return Status::Ok();
}

void Pool::Run(std::function<void()> work) { threads_->Run(std::move(work), slots_->max()); }

void Pool::SetMax(uint32_t max) { Deliver(slots_->SetMax(std::min(max, kMaxSlots))); }

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

Status Pool::Close() { return *CloseFor(std::chrono::nanoseconds::max()); }

std::optional<Status> Pool::CloseFor(Span duration) {
  std::optional<std::vector<SlotAnswer>> refusals = slots_->Close();
  const bool first = refusals.has_value();
  if (first) Deliver(std::move(*refusals));
  if (Current::Holds(*slots_)) {
    return Status::Error("a task closes its own pool: it would wait for itself for ever");
  }
  if (!slots_->WaitUntilIdle(duration)) return std::nullopt;
  if (first) threads_->Stop();
  return first ? Status::Ok() : ErrClosed();
}

}  // namespace covey
