#include "core/executor/function_executor.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "core/run/run_caught.h"
#include "covey/runner.h"

namespace covey {
namespace {

class FunctionExecution final : public Execution {
 public:
  FunctionExecution(Context context, std::shared_ptr<AttemptListener> listener)
      : context_(std::move(context)), listener_(std::move(listener)) {}

  void Stop(const Failure& cause) override {
    if (stopped_.exchange(true)) return;
    // Told before it is done: afterwards the function may have returned already.
    listener_->OnDelivered(0);
    context_.Cancel(cause);
  }

  const Context& context() const { return context_; }

 private:
  const Context context_;
  const std::shared_ptr<AttemptListener> listener_;
  std::atomic<bool> stopped_ = false;
};

Status Call(const FunctionRegistry& registry, const Launch& launch, const Context& context,
            AttemptListener& listener, std::shared_ptr<const Payload>& result) {
  if (context.done()) return context.cause();
  const auto& spec = std::get<FunctionSpec>(launch.spec->work);
  const Function* function = registry.Find(spec.name);
  if (function == nullptr) {  // the journal may be older than the program
    return Failure{.kind = FailureKind::kRejected, .message = "no function " + spec.name + " is registered"};
  }
  FunctionCall call(launch.group, launch.task, launch.attempt, spec.payload,
                    [&](OutputStream stream, std::string_view bytes) { listener.OnOutput(stream, bytes); });
  Status status = RunCaught([&] { return (*function)(context, call); });
  if (call.result() != nullptr && call.result()->bytes.size() > FunctionCall::kMaxResult) {
    return Status::Error("the result of function " + spec.name + " has " +
                         std::to_string(call.result()->bytes.size()) + " bytes, at most " +
                         std::to_string(FunctionCall::kMaxResult) + " are kept");
  }
  result = call.result();
  return status;
}

// Threads that are started without a wait for one that is about to be free: more would only take turns.
size_t ThreadsAtOnce() { return std::max(2U, std::thread::hardware_concurrency()); }

constexpr std::chrono::seconds kIdleTime{1};

}  // namespace

FunctionExecutor::FunctionExecutor(std::shared_ptr<const FunctionRegistry> registry,
                                   std::shared_ptr<TimerQueue> timers)
    : registry_(std::move(registry)),
      timers_(std::move(timers)),
      threads_(std::make_shared<ThreadSet>(kIdleTime, TimerQueue::Default())) {}

std::shared_ptr<Execution> FunctionExecutor::Start(const Launch& launch,
                                                   std::shared_ptr<AttemptListener> listener) {
  // The group decides when the time is up, then stops it: a context that ended by itself would let the
  // function fail first, and the group for that.
  auto execution = std::make_shared<FunctionExecution>(Context::Owned(launch.deadline, timers_), listener);
  // The work holds the threads: the last function may outlive the executor.
  threads_->Run(
      [threads = threads_, registry = registry_, launch, listener = std::move(listener), execution] {
        listener->OnStarted();
        std::shared_ptr<const Payload> result;
        Status status = Call(*registry, launch, execution->context(), *listener, result);
        listener->OnExit(std::move(status), std::move(result));
      },
      ThreadsAtOnce());
  return execution;
}

}  // namespace covey
