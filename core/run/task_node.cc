#include <dlfcn.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "core/base/after.h"
#include "core/base/check.h"
#include "core/base/futex.h"
#include "core/base/mutex.h"
#include "core/run/run_caught.h"
#include "core/run/task_extra.h"

namespace covey::detail {
namespace {

// Nodes to use again. They are made on one thread and end on another, over and over: each thread keeps a few, and what
// it has too many of it leaves to the others, a batch at a time.
//
// With AddressSanitizer each is new, so that the use of one that has ended is noticed.
#if defined(__SANITIZE_ADDRESS__)
TaskNode* Take() { return nullptr; }
void Put(TaskNode* node) { delete node; }
#else

constexpr size_t kBatch = 32;
constexpr size_t kBatchesKept = 64;

struct Batch {
  WorkItem* first = nullptr;
  size_t size = 0;
};

// Those that no thread keeps.
class Depot {
 public:
  static Depot& The() {
    static auto* const depot = new Depot();
    return *depot;
  }
  Batch Take() COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return size_ == 0 ? Batch{} : batches_[--size_];
  }
  void Put(Batch batch) COVEY_EXCLUDES(mutex_) {
    {
      MutexLock lock(mutex_);
      if (size_ < batches_.size()) {
        batches_[size_++] = batch;
        return;
      }
    }
    Free(batch);
  }
  static void Free(Batch batch) {
    while (batch.first != nullptr)
      delete static_cast<TaskNode*>(std::exchange(batch.first, batch.first->next));
  }

 private:
  Mutex mutex_;
  size_t size_ COVEY_GUARDED_BY(mutex_) = 0;
  std::array<Batch, kBatchesKept> batches_ COVEY_GUARDED_BY(mutex_){};
};

// A thread's own: one batch to take from and to put into, and a full one, so that it does not go back and forth.
class Kept {
 public:
  ~Kept() {
    Depot::Free(current_);
    Depot::Free(full_);
    gone = true;
  }
  TaskNode* Take() {
    if (current_.size == 0) {
      current_ = full_.size != 0 ? std::exchange(full_, Batch{}) : Depot::The().Take();
      if (current_.size == 0) return nullptr;
    }
    --current_.size;
    return static_cast<TaskNode*>(std::exchange(current_.first, current_.first->next));
  }
  void Put(TaskNode* node) {
    if (current_.size == kBatch) {
      if (full_.size != 0) Depot::The().Put(full_);
      full_ = std::exchange(current_, Batch{});
    }
    node->next = current_.first;
    current_.first = node;
    ++current_.size;
  }

  static thread_local bool gone;  // the thread is ending

 private:
  Batch current_;
  Batch full_;
};
thread_local bool Kept::gone = false;
thread_local Kept kept;

TaskNode* Take() { return Kept::gone ? nullptr : kept.Take(); }
void Put(TaskNode* node) { Kept::gone ? delete node : kept.Put(node); }
#endif

void Free(TaskNode& node) {
  delete node.extra;
  node.extra = nullptr;
  Put(&node);
}

}  // namespace

TaskNode& TaskNode::New() {
  TaskNode* node = Take();
  if (node == nullptr) node = new TaskNode();
  node->state.store(kHandle | kTask, std::memory_order_relaxed);
  node->ops = nullptr;
  return *node;
}

void TaskNode::DropHandle() {
  if ((state.fetch_and(~kHandle, std::memory_order_acq_rel) & kTask) == 0) Free(*this);
}

void TaskNode::KeepValue(std::shared_ptr<void> value) { ExtraOf(*this).value = std::move(value); }

void* TaskNode::value() const { return extra == nullptr ? nullptr : extra->value.get(); }

TaskExtra& ExtraOf(TaskNode& node) {
  // One lock for all: it is made once, when it is, and both sides may come to it first.
  static auto* const making = new Mutex();
  MutexLock lock(*making);
  if (node.extra == nullptr) node.extra = new TaskExtra();
  return *node.extra;
}

void End(TaskNode& node, const Status& outcome) {
  if (!node.wanted()) {
    // Nobody can come to want it any more.
    Free(node);
    return;
  }
  {
    TaskExtra& extra = ExtraOf(node);
    MutexLock lock(extra.mutex);
    extra.outcome = outcome;
    extra.context.reset();
  }
  FutexWord* const word = &node.state;
  const uint32_t before = word->fetch_and(~TaskNode::kTask, std::memory_order_acq_rel);
  if ((before & TaskNode::kHandle) == 0) {
    Free(node);
  } else if ((before & TaskNode::kAwaited) != 0) {
    FutexWake(word);
  }
}

void Discard(TaskNode& node) {
  if (node.ops != nullptr) node.ops->destroy(node);
  Free(node);
}

NewNode::~NewNode() {
  if (node_ != nullptr) Discard(*node_);
}

std::string TypeIn(std::string_view function) {
  const size_t with = function.rfind("F = ");
  if (with == std::string_view::npos) return std::string(function);
  std::string_view type = function.substr(with + 4);
  size_t end = 0;
  for (int depth = 0; end < type.size(); ++end) {
    const char c = type[end];
    if (depth == 0 && (c == ';' || c == ']')) break;
    if (c == '<' || c == '(' || c == '[' || c == '{') ++depth;
    if (c == '>' || c == ')' || c == ']' || c == '}') --depth;
  }
  return std::string(type.substr(0, end));
}

std::string FunctionAt(const void* address) {
  Dl_info info{};
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) return {};
  if (info.dli_sname != nullptr) return Demangle(info.dli_sname);
  // Without a name in the table of the file (a static function, or a program not linked with -rdynamic): where it is,
  // as addr2line takes it.
  char offset[32];
  std::snprintf(offset, sizeof offset, "+0x%" PRIxPTR,
                reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(info.dli_fbase));
  return std::string(info.dli_fname) + offset;
}

Status StatusOf(const Error& error) {
  return Status::Error(error.reason.empty() ? error.message : error.reason + ": " + error.message,
                       static_cast<int32_t>(error.code));
}

}  // namespace covey::detail

namespace covey {

using detail::TaskNode;

bool TaskBase::ended() const {
  return node_ == nullptr || (node_->state.load(std::memory_order_acquire) & TaskNode::kTask) == 0;
}

Status TaskBase::Wait() const {
  static_cast<void>(WaitFor(std::chrono::nanoseconds::max()));
  if (node_ == nullptr) return refusal_;
  detail::TaskExtra& extra = *node_->extra;
  MutexLock lock(extra.mutex);
  return extra.outcome;
}

bool TaskBase::WaitFor(Span duration) const {
  if (node_ == nullptr) return true;
  const Context::Clock::time_point until = After(Context::Clock::now(), duration);
  while (!ended()) {
    const uint32_t state =
        node_->state.fetch_or(TaskNode::kAwaited, std::memory_order_acq_rel) | TaskNode::kAwaited;
    if ((state & TaskNode::kTask) == 0) return true;
    if (Context::Clock::now() >= until) return false;
    FutexWait(node_->state, state, until);
  }
  return true;
}

void TaskBase::Cancel(Failure cause) const {
  if (ended()) return;
  cause.kind = FailureKind::kCancelled;
  detail::TaskExtra& extra = detail::ExtraOf(*node_);
  std::optional<Context> context;
  {
    MutexLock lock(extra.mutex);
    if (extra.cancelled) return;
    extra.cancelled = cause;
    context = extra.context;
  }
  node_->state.fetch_or(TaskNode::kQuit, std::memory_order_release);
  if (context) context->Cancel(std::move(cause));
}

void* TaskBase::Value() const {
  const Status outcome = Wait();
  void* const value = outcome.ok() && node_ != nullptr ? node_->value() : nullptr;
  if (value == nullptr) [[unlikely]] {
    std::fprintf(stderr, "covey: value() of a task that has none: %s\n", outcome.ToString().c_str());
    std::abort();
  }
  return value;
}

}  // namespace covey
