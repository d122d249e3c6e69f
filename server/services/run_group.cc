#include "server/services/run_group.h"

#include <map>
#include <set>
#include <tuple>

#include "core/base/mutex.h"
#include "server/check/check.h"
#include "server/services/status.h"

namespace covey {
namespace {

using RunCall = edge::BidiStream<v1::RunGroupRequest, v1::RunGroupResponse>;

constexpr size_t kEventPage = 500;

struct StreamKey {
  uint32_t task = 0;
  uint32_t attempt = 0;
  OutputStream stream = OutputStream::kStdout;
  auto operator<=>(const StreamKey&) const = default;
};

// What was sent of a stream.
struct Sent {
  uint64_t offset = 0;
  bool end = false;
};

// The streams that have something new. Marked by the writers of output, taken by the handler.
class Dirty {
 public:
  void Mark(const StreamKey& key) {
    MutexLock lock(mutex_);
    keys_.insert(key);
  }
  std::set<StreamKey> Take() {
    MutexLock lock(mutex_);
    return std::exchange(keys_, {});
  }

 private:
  Mutex mutex_;
  std::set<StreamKey> keys_ COVEY_GUARDED_BY(mutex_);
};

// What the handler and its reading child share; both run on the queue's thread.
struct Scope {
  Scope(const ServiceContext& service_context, RunCall& run_call)
      : context(service_context), call(run_call) {}

  const ServiceContext& context;
  RunCall& call;
  GroupPtr group;
  edge::Signal news;
  std::optional<Error> refused;  // why a later message was refused: ends the scope
  bool events = false;
  bool output = false;
  uint64_t after = 0;
  std::shared_ptr<Dirty> dirty = std::make_shared<Dirty>();
  std::map<StreamKey, Sent> sent;
};

// A group that is being made for a call that may end first. Whoever comes second, the answer or the end of
// the call, cancels it, since nobody else knows of it.
class Creation {
 public:
  void Made(const GroupPtr& group) {
    MutexLock lock(mutex_);
    group_ = group;
    CancelIfBoth(lock);
  }
  void Abandon() {
    MutexLock lock(mutex_);
    abandoned_ = true;
    CancelIfBoth(lock);
  }

 private:
  void CancelIfBoth(MutexLock& lock) COVEY_REQUIRES(mutex_) {
    if (group_ == nullptr || !abandoned_) return;
    const GroupPtr group = std::exchange(group_, nullptr);
    lock.Unlock();
    group->Cancel({.kind = FailureKind::kCancelled, .message = "owner_lost: the client went away"}, nullptr);
    lock.Lock();
  }

  Mutex mutex_;
  GroupPtr group_ COVEY_GUARDED_BY(mutex_);
  bool abandoned_ COVEY_GUARDED_BY(mutex_) = false;
};

std::vector<TaskSpec> TasksOf(const v1::RunGroupRequest& message) {
  std::vector<TaskSpec> tasks;
  tasks.reserve(message.tasks_size());
  for (const v1::TaskSpec& task : message.tasks()) tasks.push_back(ToCore(task));
  return tasks;
}

// Adds the tasks of the messages to come; half-close seals.
edge::Task<void> ReadTasks(Scope& scope) {
  for (;;) {
    std::optional<v1::RunGroupRequest> message = co_await scope.call.Read();
    if (!message) break;
    if (Violations bad = Check(*message, false); !bad.empty()) {
      scope.refused = BadRequest(std::move(bad));
      break;
    }
    std::vector<TaskSpec> tasks = TasksOf(*message);
    if (tasks.empty()) continue;
    edge::Task<std::optional<Result<Void>>> checking = CheckTasks(scope.context, tasks);
    const std::optional<Result<Void>> checked = co_await checking;
    if (!checked) co_return;
    if (!checked->ok()) {
      scope.refused = checked->error();
      break;
    }
    edge::Completion<Result<DurableGroup::SubmitReply>> submitted;
    RequestMark mark;
    scope.context.engine->Submit(scope.group, std::move(tasks), false, std::move(mark), Into(submitted));
    std::optional<Result<DurableGroup::SubmitReply>> reply = co_await submitted;
    if (!reply) co_return;
    // A group that was decided meanwhile takes no more: its result says why, the call need not.
    if (!reply->ok() && reply->error().reason != "GROUP_DECIDED") {
      scope.refused = reply->error();
      break;
    }
  }
  if (scope.refused) {
    scope.news.Notify();
  } else if (scope.call.half_closed()) {
    edge::Completion<std::optional<Error>> sealed;
    scope.group->Seal(IntoReply(sealed));
    std::optional<std::optional<Error>> done = co_await sealed;
    if (done && *done) {
      scope.refused = std::move(**done);
      scope.news.Notify();
    }
  }
}

// Sends what one stream has written since the last time. False when the call is over.
edge::Task<bool> SendOutput(Scope& scope, StreamKey stream) {
  const OutputKey key{
      .group = scope.group->id(), .task = stream.task, .attempt = stream.attempt, .stream = stream.stream};
  Sent& sent = scope.sent[stream];
  while (scope.context.engine->output().Size(key) > sent.offset) {
    edge::Task<std::optional<OutputPiece>> reading = ReadOutputPiece(scope.context, key, sent.offset);
    std::optional<OutputPiece> piece = co_await reading;
    if (!piece) co_return false;
    if (piece->bytes.empty() && piece->dropped == 0) break;
    sent.offset = piece->offset + piece->bytes.size();
    sent.end = piece->end;
    v1::RunGroupResponse message;
    *message.mutable_output() = ToProto(key, scope.group->ViewTask(stream.task).name, std::move(*piece));
    const bool ok = co_await scope.call.Write(message);
    if (!ok) co_return false;
  }
  co_return true;
}

// Sends what a stream of an attempt that has exited is still owed, with the word that nothing follows. False
// when the call is over.
edge::Task<bool> EndOutput(Scope& scope, StreamKey stream) {
  edge::Task<bool> sending = SendOutput(scope, stream);
  bool ok = co_await sending;
  const Sent sent = scope.sent[stream];
  scope.sent.erase(stream);
  if (!ok || sent.end || sent.offset == 0) co_return ok;
  const OutputKey key{
      .group = scope.group->id(), .task = stream.task, .attempt = stream.attempt, .stream = stream.stream};
  OutputPiece nothing{.offset = sent.offset, .end = true};
  v1::RunGroupResponse message;
  *message.mutable_output() = ToProto(key, scope.group->ViewTask(stream.task).name, std::move(nothing));
  ok = co_await scope.call.Write(message);
  co_return ok;
}

// Sends the events and the output at hand, output before the exit of the attempt that wrote it. Nullopt when
// the call is over, else whether the group is.
edge::Task<std::optional<bool>> SendNews(Scope& scope) {
  if (scope.output) {
    const std::set<StreamKey> streams = scope.dirty->Take();
    for (const StreamKey& stream : streams) {
      edge::Task<bool> sending = SendOutput(scope, stream);
      const bool ok = co_await sending;
      if (!ok) co_return std::nullopt;
    }
  }
  for (;;) {
    edge::Completion<Result<EventPage>> read;
    scope.context.engine->ReadEvents(scope.group, scope.after, kEventPage, Into(read));
    std::optional<Result<EventPage>> page = co_await read;
    if (!page) co_return std::nullopt;
    if (!page->ok()) {
      scope.refused = page->error();
      co_return false;
    }
    for (const Record& record : page->value().records()) {
      if (scope.output && record.event.kind == state::EventKind::kTaskExited && record.event.attempt > 0) {
        for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
          const StreamKey key{record.event.task, record.event.attempt, stream};
          edge::Task<bool> sending = EndOutput(scope, key);
          const bool ok = co_await sending;
          if (!ok) co_return std::nullopt;
        }
      }
      if (scope.events) {
        v1::RunGroupResponse message;
        ToProto(scope.group->id(), record, message.mutable_event());
        const bool last = record.number == page->value().through;
        const bool ok = co_await scope.call.Write(message, last ? edge::Flush::kNow : edge::Flush::kWithNext);
        if (!ok) co_return std::nullopt;
      }
    }
    scope.after = page->value().through;
    if (page->value().completed) co_return true;
    if (page->value().empty()) co_return false;
  }
}

// Cancels the group with its owner. When the call's deadline has passed the group's own is due as well, and
// says so.
void Abandon(const Scope& scope, const std::string& why) {
  const auto deadline = scope.call.deadline();
  if (scope.call.cancelled() && deadline && std::chrono::steady_clock::now() >= *deadline) return;
  scope.group->Cancel({.kind = FailureKind::kCancelled, .message = why}, nullptr);
}

edge::Task<grpc::Status> Follow(Scope& scope) {
  RunCall& call = scope.call;
  v1::RunGroupResponse created;
  *created.mutable_created() = ToProto(scope.group->View());
  const bool told = co_await call.Write(created);
  while (told) {
    edge::Task<std::optional<bool>> sending = SendNews(scope);
    const std::optional<bool> over = co_await sending;
    if (!over) break;
    if (scope.refused) {
      Abandon(scope, "the call ended: " + scope.refused->message);
      co_return ToGrpc(*scope.refused);
    }
    if (*over) {
      v1::RunGroupResponse last;
      *last.mutable_result() = ToProto(scope.group->End());
      call.WriteLast(std::move(last));
      co_return grpc::Status::OK;
    }
    const edge::Wake wake = co_await scope.news.Wait();
    if (wake != edge::Wake::kDone) break;
  }
  Abandon(scope, call.stopping() && !call.cancelled() ? "owner_lost: the daemon is stopping"
                                                      : "owner_lost: the client cancelled or went away");
  co_return call.EndStatus();
}

}  // namespace

edge::Task<grpc::Status> RunGroup(const ServiceContext& context, RunCall& call) {
  std::optional<v1::RunGroupRequest> first = co_await call.Read();
  if (!first) {
    if (!call.half_closed()) co_return call.EndStatus();
    first.emplace();  // a call without a message lacks its options
  }
  if (Violations bad = Check(*first, true); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  Engine::Create create{.spec = ToCore(first->options().spec(), first->options().group_id()),
                        .tasks = TasksOf(*first)};
  edge::Task<std::optional<Result<Void>>> checking = CheckTasks(context, create.tasks);
  const std::optional<Result<Void>> checked = co_await checking;
  if (!checked) co_return call.EndStatus();
  if (!checked->ok()) co_return ToGrpc(checked->error());
  create.spec.attached = true;
  if (const auto deadline = call.deadline()) {
    const std::chrono::nanoseconds rest = std::max<std::chrono::nanoseconds>(
        *deadline - std::chrono::steady_clock::now(), std::chrono::milliseconds(1));
    if (create.spec.timeout == std::chrono::nanoseconds(0) || rest < create.spec.timeout)
      create.spec.timeout = rest;
  }

  edge::Completion<Result<GroupPtr>> making;
  auto creation = std::make_shared<Creation>();
  context.engine->CreateGroup(std::move(create),
                              [completer = making.completer(), creation](Result<GroupPtr> group) {
                                if (group.ok()) creation->Made(group.value());
                                completer(std::move(group));
                              });
  std::optional<Result<GroupPtr>> group = co_await making;
  if (!group) {
    creation->Abandon();
    co_return call.EndStatus();
  }
  if (!group->ok()) co_return ToGrpc(group->error());

  Scope scope(context, call);
  scope.group = group->value();
  scope.events = first->options().events();
  scope.output = first->options().output();
  first.reset();
  const uint64_t watch = scope.group->Watch(scope.news.notifier());
  std::shared_ptr<void> output;
  if (scope.output) {
    output = context.engine->output().Subscribe(scope.group->id(),
                                                [dirty = scope.dirty, notify = scope.news.notifier()](
                                                    uint32_t task, uint32_t attempt, OutputStream stream) {
                                                  dirty->Mark({task, attempt, stream});
                                                  notify();
                                                });
    // What was written before the subscription was told to nobody. An attempt that has ended since is told of
    // by its exit.
    for (const auto& [task, attempt] : scope.group->RunningAttempts()) {
      scope.dirty->Mark({task, attempt, OutputStream::kStdout});
      scope.dirty->Mark({task, attempt, OutputStream::kStderr});
    }
  }
  edge::Task<grpc::Status> following = Follow(scope);
  edge::Child<void> reader(ReadTasks(scope));
  grpc::Status status = co_await following;
  scope.group->Unwatch(watch);
  co_return status;
}

}  // namespace covey
