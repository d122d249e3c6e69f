#include "covey/client/scope.h"

#include <chrono>
#include <optional>
#include <utility>

#include "client/outgoing.h"
#include "core/base/mutex.h"
#include "covey/client/attached_group.h"

namespace covey::client {
namespace {

// A daemon that does not answer for so long does not hold up who leaves a scope.
constexpr std::chrono::seconds kLeaveTimeout{10};

}  // namespace

// Invariant: once sealed_ is set, nothing more is written.
class Scope::State {
 public:
  State(const std::shared_ptr<Connection>& connection, const v1::RunGroupRequest& first,
        const CallOptions& options)
      : group_(connection, first, options) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  ~State() {
    if (result_) return;
    // Without an answer to the cancel the end of the call cancels.
    CallOptions join;
    if (!group_.Cancel("its scope was left", {.timeout = kLeaveTimeout}).ok()) {
      group_.Abandon();
      join.timeout = kLeaveTimeout;
    }
    (void)Wait(join);
  }

  Result<Void> Begin() {
    v1::RunGroupResponse message;
    if (group_.Next(&message) && message.has_created()) {
      id_ = message.created().id();
      return Void{};
    }
    result_ = group_.Finish();
    if (!result_->ok()) return result_->error();
    return Error{.code = ErrorCode::kInternal,
                 .reason = "NO_GROUP",
                 .message = "the daemon's first message was no group",
                 .fields = {}};
  }

  Result<Void> Go(const v1::TaskSpec& task) {
    if (std::optional<Error> refused = RefuseToSend(task)) return *std::move(refused);
    const MutexLock lock(mutex_);
    if (!sealed_ && group_.Add(task)) return Void{};
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "SCOPE_ENDED",
                 .message = "the scope takes no further tasks; Wait says how it ended",
                 .fields = {}};
  }

  const Result<v1::GroupResult>& Wait(const CallOptions& join = {}) {
    if (result_) return *result_;
    {
      const MutexLock lock(mutex_);
      if (!sealed_) group_.Seal();  // fails when the call is over, as Finish will say
      sealed_ = true;
    }
    result_ = group_.Finish(join);
    return *result_;
  }

  Result<Void> Cancel(std::string_view reason) {
    const Result<v1::Group> cancelled = group_.Cancel(reason);
    if (!cancelled.ok()) return cancelled.error();
    return Void{};
  }

  const std::string& id() const { return id_; }

 private:
  AttachedGroup group_;
  std::string id_;  // constant after Begin

  // Used by the thread of Wait alone.
  std::optional<Result<v1::GroupResult>> result_;

  // Held while a task is written, so that tasks do not mix with each other or with the seal.
  Mutex mutex_;
  bool sealed_ COVEY_GUARDED_BY(mutex_) = false;
};

Result<Scope> Scope::Open(std::shared_ptr<Connection> connection, const v1::GroupSpec& spec,
                          const CallOptions& options) {
  v1::RunGroupRequest first;
  *first.mutable_options()->mutable_spec() = spec;
  auto state = std::make_unique<State>(connection, first, options);
  const Result<Void> begun = state->Begin();
  if (!begun.ok()) return begun.error();
  return Scope(std::move(state));
}

Scope::Scope(std::unique_ptr<State> state) : state_(std::move(state)) {}
Scope::Scope(Scope&& other) noexcept = default;
Scope& Scope::operator=(Scope&& other) noexcept = default;
Scope::~Scope() = default;

const std::string& Scope::id() const { return state_->id(); }
Result<Void> Scope::Go(const v1::TaskSpec& task) { return state_->Go(task); }
Result<v1::GroupResult> Scope::Wait() { return state_->Wait(); }
Result<Void> Scope::Cancel(std::string_view reason) { return state_->Cancel(reason); }

}  // namespace covey::client
