#include "server/edge/queue.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <pthread.h>

#include <cstdio>
#include <string>

#include "server/edge/call.h"
#include "server/edge/tag.h"

namespace covey::edge {
namespace {

thread_local Queue* current_queue = nullptr;

class AlarmBell final : public Bell {
 public:
  explicit AlarmBell(grpc::CompletionQueue& completions) : completions_(completions) {}
  void Ring(Tag& tag) override {
    // A deadline in the infinite past fires inside this call; one of "now" would take a timer's tick.
    alarm_.Set(&completions_, gpr_inf_past(GPR_CLOCK_MONOTONIC), &tag);
  }

 private:
  grpc::CompletionQueue& completions_;
  grpc::Alarm alarm_;
};

}  // namespace

Queue* Queue::Current() { return current_queue; }

Queue::Queue(std::unique_ptr<grpc::ServerCompletionQueue> completions, LogFunction log)
    : log_(std::move(log)),
      completions_(std::move(completions)),
      mailbox_(std::make_shared<Mailbox>(std::make_unique<AlarmBell>(*completions_))) {}

Queue::~Queue() { COVEY_CHECK(!thread_.joinable()); }

void Queue::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void Queue::Stop() {
  mailbox_->Post([this] {
    stopping_ = true;
    for (Call* call = calls_.Front(); call != nullptr; call = calls_.Next(*call)) call->Stop();
    TellWhenIdle();
  });
}

void Queue::AwaitNoCalls(std::chrono::steady_clock::time_point deadline) {
  MutexLock lock(mutex_);
  while (!was_idle_ && idle_changed_.WaitUntil(mutex_, deadline)) {
  }
}

void Queue::TellWhenIdle() {
  if (!stopping_ || !calls_.empty()) return;
  MutexLock lock(mutex_);
  was_idle_ = true;
  idle_changed_.NotifyAll();
}

void Queue::Drain() {
  mailbox_->Post([this] { draining_ = true; });
}

void Queue::Join() { thread_.join(); }

void Queue::CloseUnused() {
  COVEY_CHECK(mailbox_->Close());
  completions_->Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (completions_->Next(&tag, &ok)) {
  }
}

void Queue::Loop() {
  current_queue = this;
  pthread_setname_np(pthread_self(), "grpc-queue");
  void* tag = nullptr;
  bool ok = false;
  while (completions_->Next(&tag, &ok)) {
    static_cast<Tag*>(tag)->OnEvent(ok);
    while (Runnable* runnable = ready_.PopFront()) Run(*runnable);
    CloseWhenDone();
  }
  current_queue = nullptr;
}

void Queue::Run(Runnable& runnable) {
  RunIn(*runnable.scope(), [&runnable] { runnable.Run(); });
}

void Queue::RunOneWithin(const Scope& scope) {
  Runnable* runnable = ready_.Front();
  while (runnable != nullptr && !scope.Contains(runnable->scope())) runnable = ready_.Next(*runnable);
  COVEY_CHECK(runnable != nullptr);  // a child waits for something that is not of this library
  runnable->Unlink();
  Run(*runnable);
}

void Queue::CloseWhenDone() {
  if (!draining_ || closed_ || !calls_.empty()) return;
  if (!mailbox_->Close()) return;  // its tag is on the way and brings us back here
  closed_ = true;
  completions_->Shutdown();
}

void Queue::AddCall(Call& call) {
  calls_.PushBack(call);
  live_calls_.fetch_add(1, std::memory_order_relaxed);
}

void Queue::RemoveCall(Call& call) {
  call.Unlink();
  live_calls_.fetch_sub(1, std::memory_order_relaxed);
  TellWhenIdle();
}

void Queue::Log(std::string_view what, std::string_view detail) const {
  std::string line(what);
  line += detail;
  if (log_) {
    log_(line);
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

}  // namespace covey::edge
