#include "server/services/run_group.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/duration.h"
#include "core/engine/queued_bytes.h"
#include "server/convert/convert.h"
#include "server/services/message_room.h"
#include "server/services/output_relay.h"
#include "server/services/ownership.h"
#include "server/services/room.h"
#include "server/services/run_intake.h"
#include "server/services/task_intake.h"
#include "server/services/watch.h"

namespace covey {
namespace {

constexpr PageLimit kEventPage{.count = 500};     // of a message
constexpr PageLimit kRefusedPage{.count = 1000};  // likewise

class RunSink final : public OutputSink {
 public:
  RunSink(const ServiceContext& context, const GroupPtr& group, RunCall& call)
      : context_(context), group_(group), call_(call) {}

  // What the call has taken its tasks need not wait for.
  Handled Send(const OutputKey& key, std::string task, OutputPiece piece, const OutputPosition&) override {
    const uint64_t taken = piece.offset + piece.bytes.size();
    v1::RunGroupResponse message;
    *message.mutable_output() = ToProto(key, std::move(task), std::move(piece));
    std::optional<WaitLimit> limit;
    LimitWait(&limit);
    const bool ok = co_await call_.Write(message);
    if (!ok) co_return call_.EndError();
    context_.engine->output().Taken(key, taken);
    co_return Void{};
  }

 private:
  void LimitWait(std::optional<WaitLimit>* limit) const {
    const std::chrono::nanoseconds timeout = context_.reader_timeout;
    if (timeout == std::chrono::nanoseconds(0)) return;
    limit->emplace(timeout, [group = group_, timeout] {
      group->Cancel({.kind = FailureKind::kCancelled,
                     .message = "owner_lost: the client has taken no output for " + DurationText(timeout)},
                    [](const std::optional<Error>&) {});
    });
  }

  const ServiceContext& context_;
  const GroupPtr group_;
  RunCall& call_;
};

// What the handler and its reading child share; both run on the queue's thread.
struct Run {
  Run(CallContext& call_context, RunCall& run_call, RunIntake& run_intake, GroupPtr made)
      : context(call_context),
        call(run_call),
        intake(run_intake),
        group(std::move(made)),
        watch(group, news.notifier()),
        sink(context.service, group, call) {}

  CallContext& context;
  RunCall& call;
  RunIntake& intake;
  const GroupPtr group;
  const edge::Signal news;
  const Watch watch;
  RunSink sink;
  std::optional<OutputRelay> output;  // when it was asked for
  bool events = false;
  uint64_t after = 0;          // number of the last event sent
  Result<Void> read = Void{};  // what ended the reading: ends the scope when it is an error
  std::exception_ptr thrown;   // by the reading
};

Handled Seal(const GroupPtr& group) {
  edge::Completion<Void> sealed;
  group->Seal(sealed.completer());
  const Result<Void> done = co_await sealed;
  co_return done;
}

// Adds the tasks of one message, as soon as the queue has room for them.
Handled Submit(Run& run, v1::RunGroupRequest& message) {
  edge::Task<Result<std::vector<TaskSpec>>> taking = run.intake.Take(message, run.group);
  Result<std::vector<TaskSpec>> tasks = co_await taking;
  if (!tasks.ok()) co_return tasks.error();
  RoomWait wait;
  for (; !message.tasks().empty(); tasks = TasksOf(message.tasks())) {
    const Budget::Amount amount = QueuedAmount(tasks.value());
    edge::Completion<DurableGroup::SubmitReply> submitted;
    run.context.engine().SubmitOfItsCall(run.group, std::move(tasks.value()), submitted.completer());
    const Result<DurableGroup::SubmitReply> reply = co_await submitted;
    if (reply.ok()) break;
    const Error& error = reply.error();
    // A group that was decided meanwhile takes no more: its result says why, the call need not.
    if (error.reason == "GROUP_DECIDED") break;
    if (error.reason == "QUEUE_FULL") {
      Handled waiting = RoomFor(run.context, run.call.raw(), amount, wait);
      const Result<Void> room = co_await waiting;
      if (!room.ok()) co_return room.error();
    } else if (!run.intake.Refuse(message, error)) {
      co_return edge::EndsCall(error) ? error : run.intake.InMessage(error);
    }
  }
  run.news.Notify();  // of what was refused
  co_return Void{};
}

// Adds the tasks of the messages to come; half-close seals.
Handled ReadMessages(Run& run) {
  uint64_t number = 1;
  Reservation room;
  for (;;) {
    edge::Task<std::optional<v1::RunGroupRequest>> reading = ReadMessage(run.context.service, run.call, room);
    std::optional<v1::RunGroupRequest> message = co_await reading;
    if (!message) break;
    ++number;
    Handled submitting = Submit(run, *message);
    const Result<Void> submitted = co_await submitting;
    if (!submitted.ok()) co_return submitted.error();
  }
  if (!run.call.half_closed()) {
    Error error = run.call.EndError();
    if (!edge::EndsCall(error)) error.message.insert(0, "message " + std::to_string(number + 1) + ": ");
    co_return error;
  }
  Handled sealing = Seal(run.group);
  const Result<Void> sealed = co_await sealing;
  co_return sealed;
}

// The reading child. What it meets is for the handler to tell.
edge::Task<void> ReadTasks(Run& run) {
  try {
    Handled reading = ReadMessages(run);
    const Result<Void> read = co_await reading;
    run.read = read;
  } catch (...) {
    run.thrown = std::current_exception();
  }
  run.news.Notify();
}

// Sends the events that `message` has, if any, and empties it.
Handled SendEvents(Run& run, v1::RunGroupResponse& message, edge::Flush flush) {
  if (message.events().empty()) co_return Void{};
  const bool ok = co_await run.call.Write(message, flush);
  message.Clear();
  if (!ok) co_return run.call.EndError();
  co_return Void{};
}

// Sends the events and the output at hand, output before the exit of the attempt that wrote it. Says whether
// the group is over.
edge::Task<Result<bool>> SendNews(Run& run) {
  if (run.output) {
    Handled sending = run.output->SendNew();
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
  }
  for (;;) {
    edge::Completion<EventPage> reading;
    run.context.engine().ReadEvents(run.group, run.after, kEventPage, reading.completer());
    const Result<EventPage> page = co_await reading;
    if (!page.ok()) co_return page.error();
    v1::RunGroupResponse message;
    size_t bytes = 0;
    for (const Record& record : page.value().records()) {
      if (run.output && record.event.kind == state::EventKind::kTaskExited && record.event.attempt > 0) {
        Handled telling = SendEvents(run, message, edge::Flush::kWithNext);
        const Result<Void> told = co_await telling;
        if (!told.ok()) co_return told.error();
        bytes = 0;
        Handled sending = run.output->SendEnd(record.event.task, record.event.attempt, record.output);
        const Result<Void> sent = co_await sending;
        if (!sent.ok()) co_return sent.error();
      }
      if (!run.events) continue;
      v1::Event event;
      ToProto(run.group->id(), record, &event);
      const size_t size = event.ByteSizeLong();
      if (bytes + size > kEventPage.bytes) {
        Handled telling = SendEvents(run, message, edge::Flush::kWithNext);
        const Result<Void> told = co_await telling;
        if (!told.ok()) co_return told.error();
        bytes = 0;
      }
      *message.add_events() = std::move(event);
      message.set_through(record.number);
      bytes += size;
    }
    Handled telling = SendEvents(run, message, edge::Flush::kNow);
    const Result<Void> told = co_await telling;
    if (!told.ok()) co_return told.error();
    run.after = page.value().through;
    if (page.value().completed) co_return true;
    if (page.value().empty()) co_return false;
  }
}

// Sends which tasks were refused.
Handled SendRefused(Run& run) {
  std::vector<v1::RefusedTask> refused = run.intake.TakeRefused();
  for (auto next = refused.begin(); next != refused.end();) {
    v1::RunGroupResponse message;
    PageFill fill(kRefusedPage);
    while (next != refused.end() && fill.Take(next->ByteSizeLong()))
      *message.add_refused() = std::move(*next++);
    const bool ok = co_await run.call.Write(message);
    if (!ok) co_return run.call.EndError();
  }
  co_return Void{};
}

// Ends when the group is over and everything was sent, with the result to send last.
Handled Follow(Run& run) {
  v1::RunGroupResponse created;
  *created.mutable_created() = ToProto(run.group->View());
  const bool told = co_await run.call.Write(created);
  if (!told) co_return run.call.EndError();
  StreamStats::Reader reader(run.context.service.streams.get(), StreamStats::Kind::kAttached);
  for (;;) {
    edge::Task<Result<bool>> sending = SendNews(run);
    const Result<bool> over = co_await sending;
    if (!over.ok()) co_return over.error();
    Handled telling = SendRefused(run);
    const Result<Void> refused = co_await telling;
    if (!refused.ok()) co_return refused.error();
    if (run.thrown) std::rethrow_exception(run.thrown);
    if (!run.read.ok()) co_return run.read.error();
    if (over.value()) break;
    reader.CaughtUp();
    const edge::Wake wake = co_await run.news.Wait();
    reader.Behind();
    if (wake != edge::Wake::kDone) co_return run.call.EndError();
  }
  v1::RunGroupResponse last;
  *last.mutable_result() = ToProto(run.group->End());
  if (!run.call.WriteLast(last)) co_return run.call.EndError();
  co_return Void{};
}

bool DeadlinePassed(const RunCall& call) {
  const auto deadline = call.deadline();
  return call.cancelled() && deadline && std::chrono::steady_clock::now() >= *deadline;
}

// What the group is told when its call ends before it.
std::string CauseOf(const Error& error, const RunCall& call) {
  if (!edge::EndsCall(error)) return "the call ended: " + error.message;
  return call.stopping() && !call.cancelled() ? "owner_lost: the daemon is stopping"
                                              : "owner_lost: the client cancelled or went away";
}

// The group's time is at most what the call has left.
void Bound(std::chrono::nanoseconds& timeout, const RunCall& call) {
  const auto deadline = call.deadline();
  if (!deadline) return;
  const std::chrono::nanoseconds rest = std::max<std::chrono::nanoseconds>(
      *deadline - std::chrono::steady_clock::now(), std::chrono::milliseconds(1));
  if (timeout == std::chrono::nanoseconds(0) || rest < timeout) timeout = rest;
}

// The group with its first tasks, as soon as the queue has room for them.
edge::Task<Result<GroupPtr>> Make(CallContext& context, RunCall& call, Ownership& owner,
                                  const v1::RunGroupRequest& first, std::vector<TaskSpec> tasks) {
  RoomWait wait;
  for (;; tasks = TasksOf(first.tasks())) {
    Engine::Create create{.spec = ToCore(first.options().spec(), first.options().group_id()),
                          .tasks = std::move(tasks)};
    create.spec.attached = true;
    create.spec.paced_output = first.options().output();
    create.spec.caller = call.raw().peer();
    Bound(create.spec.timeout, call);
    const Budget::Amount amount = QueuedAmount(create.tasks);
    edge::Completion<GroupPtr> making;
    context.engine().CreateGroup(std::move(create), owner.Creating(making.completer()));
    Result<GroupPtr> group = co_await making;
    if (group.ok() || group.error().reason != "QUEUE_FULL") co_return std::move(group);
    Handled waiting = RoomFor(context, call.raw(), amount, wait);
    const Result<Void> room = co_await waiting;
    if (!room.ok()) co_return room.error();
  }
}

}  // namespace

Handled RunGroup(CallContext& context, RunCall& call) {
  context.waits = true;
  Reservation room;  // until the group is made
  edge::Task<std::optional<v1::RunGroupRequest>> reading = ReadMessage(context.service, call, room);
  std::optional<v1::RunGroupRequest> first = co_await reading;
  if (!first) {
    if (!call.half_closed()) co_return call.EndError();
    first.emplace();  // a call without a message lacks its options
  }
  RunIntake intake(context.service);
  edge::Task<Result<std::vector<TaskSpec>>> taking = intake.Take(*first, nullptr);
  Result<std::vector<TaskSpec>> tasks = co_await taking;
  if (!tasks.ok()) co_return tasks.error();
  Ownership owner;
  owner.set_cause("owner_lost: the client went away");
  edge::Task<Result<GroupPtr>> making = Make(context, call, owner, *first, std::move(tasks.value()));
  const Result<GroupPtr> group = co_await making;
  if (!group.ok()) co_return group.error();

  const v1::RunGroupOptions& options = first->options();
  Run run(context, call, intake, group.value());
  run.events = options.events();
  if (options.output())
    run.output.emplace(context.service, run.group, run.sink, run.news.notifier(), OutputRelay::Options());
  first.reset();
  room.Reset();
  owner.set_cause("owner_lost: the call failed");
  Handled following = Follow(run);
  const edge::Child<void> reader(ReadTasks(run));
  const Result<Void> done = co_await following;
  // When the call's deadline has passed the group's own is due as well, and says so.
  if (done.ok() || DeadlinePassed(call)) {
    owner.Release();
  } else {
    owner.set_cause(CauseOf(done.error(), call));
  }
  co_return done;
}

}  // namespace covey
