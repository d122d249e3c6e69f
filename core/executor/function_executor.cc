#include "core/executor/function_executor.h"

#include <atomic>
#include <utility>

#include "core/run/pool.h"
#include "core/run/runner.h"

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

}  // namespace

std::shared_ptr<Execution> FunctionExecutor::Start(const Launch& launch,
                                                   std::shared_ptr<AttemptListener> listener) {
  // The group decides when the time is up, then stops it: a context that ended by itself would let the
  // function fail first, and the group for that.
  auto execution = std::make_shared<FunctionExecution>(Context::Owned(launch.deadline, timers_), listener);
  launch.pool->Run([registry = registry_, launch, listener = std::move(listener), execution] {
    std::shared_ptr<const Payload> result;
    Status status = Call(*registry, launch, execution->context(), *listener, result);
    listener->OnExit(std::move(status), std::move(result));
  });
  return execution;
}

}  // namespace covey
