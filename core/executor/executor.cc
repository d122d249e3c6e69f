#include "core/executor/executor.h"

namespace covey {
namespace {

class Nothing final : public Execution {
 public:
  void Stop(const Failure& /*cause*/) override {}
};

// Of work that no executor was set for.
class UnknownWork final : public Executor {
 public:
  std::shared_ptr<Execution> Start(const Launch& launch, std::shared_ptr<AttemptListener> listener) override {
    const auto& work = std::get<OpaqueSpec>(launch.spec->work);
    listener->OnExit(
        Status::Error("this version of the daemon knows no work of kind " + std::to_string(work.kind)),
        nullptr);
    return std::make_shared<Nothing>();
  }
};

}  // namespace

Executor& ExecutorTable::For(const TaskSpec& spec) const {
  const auto* work = std::get_if<OpaqueSpec>(&spec.work);
  if (work == nullptr) return *executors_[spec.work.index()];
  static UnknownWork unknown;
  const auto found = opaque_.find(work->kind);
  return found == opaque_.end() ? unknown : *found->second;
}

}  // namespace covey
