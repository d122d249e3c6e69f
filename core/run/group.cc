#include "covey/group.h"

#include <utility>

#include "core/base/after.h"
#include "core/base/check.h"
#include "core/run/group_impl.h"

namespace covey {
namespace {

using detail::OpsOf;
using detail::TaskNode;
using detail::TaskOps;

struct RunnerCall {
  Status operator()(const Context& context) const { return runner->Run(context); }
  static std::string Name(const TaskNode& node) { return OpsOf<RunnerCall>::Callable(node).runner->Name(); }

  std::shared_ptr<Runner> runner;
};
constexpr TaskOps kRunnerOps = {.invoke = OpsOf<RunnerCall>::Invoke,
                                .destroy = OpsOf<RunnerCall>::Destroy,
                                .name = RunnerCall::Name,
                                .wants_context = true};

// Is not called: the group starts it.
struct AsyncCall {
  void operator()(const Context&) const {}
  static std::string Name(const TaskNode& node) { return OpsOf<AsyncCall>::Callable(node).runner->Name(); }

  std::shared_ptr<AsyncRunner> runner;
};
constexpr TaskOps kAsyncOps = {.invoke = OpsOf<AsyncCall>::Invoke,
                               .destroy = OpsOf<AsyncCall>::Destroy,
                               .name = AsyncCall::Name,
                               .wants_context = true,
                               .wants_thread = false};

}  // namespace

Group::Group(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

// The tasks may use the group until they have ended.
Group::~Group() { impl_->Destroy(); }

Status Group::HandOver(TaskNode& node, TaskOptions& options, bool waits) {
  return impl_->Go(node, options, waits);
}

Task<> Group::Go(std::shared_ptr<Runner> runner, TaskOptions options) {
  COVEY_CHECK(runner != nullptr);
  detail::NewNode node;
  OpsOf<RunnerCall>::Construct(*node, RunnerCall{std::move(runner)});
  (*node).ops = &kRunnerOps;
  Status refusal = impl_->Go(*node, options, /*waits=*/true);
  return {refusal.ok() ? node.Release() : nullptr, std::move(refusal)};
}

Task<> Group::GoAsync(std::shared_ptr<AsyncRunner> runner, TaskOptions options) {
  COVEY_CHECK(runner != nullptr);
  detail::NewNode node;
  OpsOf<AsyncCall>::Construct(*node, AsyncCall{runner});
  (*node).ops = &kAsyncOps;
  Status refusal = impl_->GoAsync(std::move(runner), *node, options);
  return {refusal.ok() ? node.Release() : nullptr, std::move(refusal)};
}

void Group::Cancel(Failure cause) { impl_->Cancel(std::move(cause)); }

Status Group::Wait() { return impl_->Wait(); }

std::optional<Status> Group::WaitFor(Span duration) {
  return impl_->WaitUntil(After(Context::Clock::now(), duration), nullptr);
}

std::optional<Status> Group::Wait(const Context& context) { return impl_->WaitUntil(std::nullopt, &context); }

bool Group::Reopen() { return impl_->Reopen(); }

void Group::SetLimit(uint32_t limit) { impl_->SetLimit(limit); }

const Context& Group::context() const { return impl_->context(); }

std::vector<Failure> Group::failures() const { return impl_->failures(); }

Group::Counts Group::counts() const { return impl_->counts(); }

}  // namespace covey
