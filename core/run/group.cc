#include "covey/group.h"

#include <utility>

#include "core/run/group_impl.h"

namespace covey {

Group::Group(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

// The tasks may use the group until they have ended.
Group::~Group() {
  impl_->Cancel({.kind = FailureKind::kCancelled, .message = "the group was destroyed"});
  static_cast<void>(impl_->Wait());
}

Status Group::Go(std::function<Status(const Context&)> function, std::string name) {
  return impl_->Go(std::make_shared<Func>(std::move(function)), std::move(name));
}

Status Group::Go(std::shared_ptr<Runner> runner, std::string name) {
  return impl_->Go(std::move(runner), std::move(name));
}

Status Group::GoAsync(std::shared_ptr<AsyncRunner> runner, std::string name) {
  return impl_->GoAsync(std::move(runner), std::move(name));
}

void Group::Cancel(Failure cause) { impl_->Cancel(std::move(cause)); }

Status Group::Wait() { return impl_->Wait(); }

void Group::SetLimit(uint32_t limit) { impl_->SetLimit(limit); }

const Context& Group::context() const { return impl_->context(); }

std::vector<Failure> Group::failures() const { return impl_->failures(); }

Group::Counts Group::counts() const { return impl_->counts(); }

}  // namespace covey
