#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/queued_bytes.h"
#include "server/check/collector.h"
#include "server/convert/convert.h"
#include "server/services/call_lines.h"
#include "server/services/endings.h"
#include "server/services/find_task.h"
#include "server/services/message_room.h"
#include "server/services/room.h"
#include "server/services/run_group.h"
#include "server/services/services.h"
#include "server/services/stream_output.h"
#include "server/services/task_intake.h"
#include "server/services/value_set.h"
#include "server/services/watch.h"

// GroupService.
namespace covey {
namespace {

using edge::Unary;
using CreateCall = Unary<v1::CreateGroupRequest, v1::CreateGroupResponse>;
using SubmitCall = Unary<v1::SubmitTasksRequest, v1::SubmitTasksResponse>;
using SubmitStream = edge::ClientStream<v1::SubmitTaskStreamRequest, v1::SubmitTaskStreamResponse>;
using SealCall = Unary<v1::SealGroupRequest, v1::SealGroupResponse>;
using WaitCall = Unary<v1::WaitGroupRequest, v1::WaitGroupResponse>;
using CancelCall = Unary<v1::CancelGroupRequest, v1::CancelGroupResponse>;
using GetCall = Unary<v1::GetGroupRequest, v1::GetGroupResponse>;
using ListCall = Unary<v1::ListGroupsRequest, v1::ListGroupsResponse>;
using DeleteCall = Unary<v1::DeleteGroupRequest, v1::DeleteGroupResponse>;
using ExplainCall = Unary<v1::ExplainRequest, v1::ExplainResponse>;
using Submitted = DurableGroup::SubmitReply;

// What a repeated request is known by. Nothing without an id.
template <class Request>
RequestMark MarkOf(const Request& request) {
  if (request.request_id().empty()) return {};
  return {.id = request.request_id(), .fingerprint = Fingerprint(request)};
}

Handled CreateGroup(CallContext& context, CreateCall& call) {
  const v1::CreateGroupRequest& request = call.request();
  edge::Task<Result<std::vector<TaskSpec>>> taking = TakeTasks(context.service, request.tasks());
  Result<std::vector<TaskSpec>> tasks = co_await taking;
  if (!tasks.ok() && !request.request_id().empty()) {
    // What was accepted stays so, whatever this daemon can run: a retry gets the first answer.
    edge::Completion<std::string> looking;
    context.engine().FindRequest(request.request_id(), looking.completer());
    const Result<std::string> found = co_await looking;
    if (found.ok() && !found.value().empty()) tasks = TasksOf(request.tasks());
  }
  if (!tasks.ok()) co_return tasks.error();
  Engine::Create create{.spec = ToCore(request.spec(), request.group_id()),
                        .tasks = std::move(tasks.value()),
                        .seal = request.seal(),
                        .request = MarkOf(request)};
  create.spec.caller = call.raw().peer();
  edge::Completion<GroupPtr> created;
  context.engine().CreateGroup(std::move(create), created.completer());
  const Result<GroupPtr> group = co_await created;
  if (!group.ok()) co_return group.error();
  *call.response().mutable_group() = ToProto(group.value()->View());
  co_return Void{};
}

Handled SubmitTasks(CallContext& context, SubmitCall& call, const GroupPtr& group) {
  const v1::SubmitTasksRequest& request = call.request();
  edge::Task<Result<std::vector<TaskSpec>>> taking = TakeTasks(context.service, request.tasks());
  Result<std::vector<TaskSpec>> tasks = co_await taking;
  if (!tasks.ok()) {  // unless they were accepted before
    edge::Completion<bool> asking;
    context.engine().KnowsRequest(group, request.request_id(), asking.completer());
    const Result<bool> known = co_await asking;
    if (!known.ok()) co_return known.error();
    if (!known.value()) co_return tasks.error();
    tasks = TasksOf(request.tasks());
  }
  edge::Completion<Submitted> submitted;
  RequestMark mark = MarkOf(request);
  context.engine().Submit(group, std::move(tasks.value()), request.seal(), std::move(mark),
                          submitted.completer());
  const Result<Submitted> reply = co_await submitted;
  if (!reply.ok()) co_return reply.error();
  call.response().set_first_index(reply.value().first_index);
  call.response().set_count(reply.value().count);
  co_return Void{};
}

// A SubmitTaskStream on its way: what its first message has said.
struct Upload {
  GroupPtr group;
  std::string request_id;
};

// What a message is known by when the stream is sent again: its number, and its tasks.
RequestMark MarkOf(const Upload& upload, v1::SubmitTaskStreamRequest& message) {
  if (upload.request_id.empty()) return {};
  message.clear_group_id();  // of these a stream may say more in its first message than it said before
  message.clear_request_id();
  // No id of SubmitTasks is meant: those that clients choose have no line end before the number.
  return {.id = upload.request_id + "\n" + std::to_string(message.number()),
          .fingerprint = Fingerprint(message)};
}

// Takes one message; the first one finds the group.
Handled TakeMessage(CallContext& context, SubmitStream& call, v1::SubmitTaskStreamRequest& message,
                    Upload& upload) {
  v1::SubmitTaskStreamResponse& response = call.response();
  if (Violations bad = Check(message, response.last_number() + 1); !bad.empty())
    co_return BadRequest(std::move(bad));
  if (upload.group == nullptr) {
    edge::Completion<GroupPtr> found;
    context.engine().Find(message.group_id(), found.completer());
    Result<GroupPtr> result = co_await found;
    if (!result.ok()) co_return result.error();
    upload = {.group = std::move(result.value()), .request_id = message.request_id()};
  } else if (!message.group_id().empty() && message.group_id() != upload.group->id()) {
    co_return BadField("group_id", "must be that of the first message, " + upload.group->id() + ", got " +
                                       message.group_id());
  } else if (!message.request_id().empty() && message.request_id() != upload.request_id) {
    co_return BadField("request_id", "must be that of the first message, " + upload.request_id + ", got " +
                                         message.request_id());
  }
  edge::Task<Result<std::vector<TaskSpec>>> taking = TakeTasks(context.service, message.tasks());
  Result<std::vector<TaskSpec>> tasks = co_await taking;
  const RequestMark mark = MarkOf(upload, message);
  if (!tasks.ok()) {  // unless they were accepted before
    edge::Completion<bool> asking;
    context.engine().KnowsRequest(upload.group, mark.id, asking.completer());
    const Result<bool> known = co_await asking;
    if (!known.ok()) co_return known.error();
    if (!known.value()) co_return tasks.error();
    tasks = TasksOf(message.tasks());
  }
  RoomWait wait;
  for (;;) {
    const Budget::Amount amount = QueuedAmount(tasks.value());
    edge::Completion<Submitted> submitted;
    context.engine().Submit(upload.group, std::move(tasks.value()), false, mark, submitted.completer());
    const Result<Submitted> reply = co_await submitted;
    if (reply.ok()) {
      response.set_last_number(message.number());
      response.set_count(response.count() + reply.value().count);
      co_return Void{};
    }
    if (reply.error().reason != "QUEUE_FULL") co_return reply.error();
    Handled waiting = RoomFor(context, call.raw(), amount, wait);
    const Result<Void> room = co_await waiting;
    if (!room.ok()) co_return room.error();
    tasks = TasksOf(message.tasks());
  }
}

// Why the stream could not be read on. One that a message stopped names it, since no response goes with an
// error.
Error ReadError(const SubmitStream& call, uint64_t last_number) {
  Error error = call.EndError();
  if (edge::EndsCall(error)) return error;
  error.message = "message " + std::to_string(last_number + 1) + ": " + error.message;
  if (last_number > 0) error.message += "; those before it were accepted";
  return error;
}

// Once the group is known, a message that is refused ends the stream with a response: it names the last one
// accepted.
Handled SubmitTaskStream(CallContext& context, SubmitStream& call) {
  context.waits = true;
  Upload upload;
  Reservation room;
  for (;;) {
    edge::Task<std::optional<v1::SubmitTaskStreamRequest>> reading = ReadMessage(context.service, call, room);
    std::optional<v1::SubmitTaskStreamRequest> message = co_await reading;
    if (!message) break;
    Handled taking = TakeMessage(context, call, *message, upload);
    const Result<Void> taken = co_await taking;
    if (taken.ok()) continue;
    const Error& error = taken.error();
    if (upload.group == nullptr || edge::EndsCall(error)) co_return error;
    TellRefused(context, call.raw(), error);
    v1::Failure* failure = call.response().mutable_failure();
    failure->set_kind(v1::FAILURE_KIND_REJECTED);
    failure->set_message("message " + std::to_string(call.response().last_number() + 1) + ": " +
                         InOneLine(error));
    call.response().set_reason(ReasonOf(error));
    co_return Void{};
  }
  if (!call.half_closed()) co_return ReadError(call, call.response().last_number());
  co_return Void{};
}

Handled SealGroup(CallContext&, SealCall& call, const GroupPtr& group) {
  edge::Completion<Void> sealed;
  group->Seal(sealed.completer());
  const Result<Void> done = co_await sealed;
  if (!done.ok()) co_return done.error();
  *call.response().mutable_group() = ToProto(group->View());
  co_return Void{};
}

// One that is over is answered as it ended, whether it is in memory or not.
Handled WaitGroup(CallContext& context, WaitCall& call) {
  edge::Completion<Engine::Found> finding;
  context.engine().FindOrLook(call.request().group_id(), /*most_tasks=*/0, finding.completer());
  const Result<Engine::Found> found = co_await finding;
  if (!found.ok()) co_return found.error();
  const GroupPtr& group = found.value().group;
  if (group == nullptr) {
    edge::Completion<GroupEnd> ending;
    context.engine().ReadEnd(found.value().over, ending.completer());
    const Result<GroupEnd> end = co_await ending;
    if (!end.ok()) co_return end.error();
    *call.response().mutable_result() = ToProto(end.value());
    co_return Void{};
  }
  if (const std::optional<Error> damage = group->damage()) co_return *damage;
  std::optional<IdleSeal> seal;  // no longer than the call
  if (call.request().seal_when_idle()) seal.emplace(group);
  Handled waiting = GroupOver(context, group, WaitOf(call.request()));
  const Result<Void> over = co_await waiting;
  if (!over.ok()) co_return over.error();
  edge::Completion<GroupEnd> ending;
  context.engine().ReadEnd(group, ending.completer());
  const Result<GroupEnd> end = co_await ending;
  if (!end.ok()) co_return end.error();
  *call.response().mutable_result() = ToProto(end.value());
  co_return Void{};
}

Handled CancelGroup(CallContext& context, CancelCall& call, const GroupPtr& group) {
  TellCancel(context, call.raw(), group->id(), {}, call.request().reason());
  edge::Completion<Void> cancelled;
  group->Cancel(CancelledByRequest(call.request().reason()), cancelled.completer());
  const Result<Void> done = co_await cancelled;
  if (!done.ok()) co_return done.error();
  if (call.request().wait()) {
    Handled waiting = GroupOver(context, group, WaitOf(call.request()));
    const Result<Void> over = co_await waiting;
    if (!over.ok()) co_return over.error();
  }
  *call.response().mutable_group() = ToProto(group->View());
  co_return Void{};
}

Handled GetGroup(CallContext& context, GetCall& call) {
  edge::Completion<GroupSummary> looking;
  context.engine().Look(call.request().group_id(), looking.completer());
  const Result<GroupSummary> group = co_await looking;
  if (!group.ok()) co_return group.error();
  *call.response().mutable_group() = ToProto(group.value(), ToCore(call.request().view(), View::kFull));
  co_return Void{};
}

v1::ListGroupsResponse AnswerOf(const GroupPage& page, const v1::ListGroupsRequest& request) {
  v1::ListGroupsResponse response;
  const View view = ToCore(request.view(), View::kBasic);
  const ValueSet states(request.states());
  for (const GroupSummary& group : page.groups) {
    v1::Group message = ToProto(group, view);
    // It may have gone on since it was found.
    if (states.Contains(message.state())) *response.add_groups() = std::move(message);
  }
  if (request.states().empty()) {  // nobody can say in which one they are
    for (const DamagedGroup& damaged : page.damaged) *response.add_groups() = ToProto(damaged);
  }
  response.set_next_page_token(page.next);
  return response;
}

Handled ListGroups(CallContext& context, ListCall& call) {
  constexpr size_t kMostBytes = 2 * PageLimit::kBytes;
  const v1::ListGroupsRequest& request = call.request();
  constexpr size_t kDefaultPage = 50;
  PageLimit limit{.count =
                      request.page_size() == 0 ? kDefaultPage : static_cast<size_t>(request.page_size())};
  for (;;) {
    edge::Completion<GroupPage> listed;
    context.engine().List(ToCore(request), limit, request.page_token(), listed.completer());
    const Result<GroupPage> page = co_await listed;
    if (!page.ok()) co_return page.error();
    call.response() = AnswerOf(page.value(), request);
    // Groups that have failed since they were listed take more than was counted: fewer of them, then.
    const size_t groups = page.value().groups.size() + page.value().damaged.size();
    if (call.response().ByteSizeLong() <= kMostBytes || groups <= 1) co_return Void{};
    limit.count = groups / 2;
  }
}

Handled Explain(CallContext& context, ExplainCall& call, const GroupPtr& group) {
  std::optional<uint32_t> index;
  if (!call.request().task().empty()) {
    edge::Task<Result<uint32_t>> finding = FindTask(context, group, call.request().task());
    const Result<uint32_t> task = co_await finding;
    if (!task.ok()) co_return task.error();
    index = task.value();
  }
  edge::Completion<Explanation> explaining;
  context.engine().Explain(group, index, explaining.completer());
  const Result<Explanation> explanation = co_await explaining;
  if (!explanation.ok()) co_return explanation.error();
  call.response() = ToProto(explanation.value());
  co_return Void{};
}

Handled DeleteGroup(CallContext& context, DeleteCall& call) {
  edge::Completion<Void> deleted;
  context.engine().Delete(call.request().group_id(), deleted.completer());
  const Result<Void> done = co_await deleted;
  co_return done;
}

}  // namespace

void AddGroupService(Dispatcher& dispatcher) {
  using methods::Named;
  dispatcher.Add(Named("/covey.v1.GroupService/RunGroup"), RunGroup);
  dispatcher.Add(Named("/covey.v1.GroupService/CreateGroup"), CreateGroup);
  dispatcher.Add(Named("/covey.v1.GroupService/SubmitTasks"), SubmitTasks);
  dispatcher.Add(Named("/covey.v1.GroupService/SubmitTaskStream"), SubmitTaskStream);
  dispatcher.Add(Named("/covey.v1.GroupService/SealGroup"), SealGroup);
  dispatcher.Add(Named("/covey.v1.GroupService/WaitGroup"), WaitGroup);
  dispatcher.Add(Named("/covey.v1.GroupService/CancelGroup"), CancelGroup);
  dispatcher.Add(Named("/covey.v1.GroupService/GetGroup"), GetGroup);
  dispatcher.Add(Named("/covey.v1.GroupService/ListGroups"), ListGroups);
  dispatcher.Add(Named("/covey.v1.GroupService/DeleteGroup"), DeleteGroup);
  dispatcher.Add(Named("/covey.v1.GroupService/Explain"), Explain, Takes::kAsFarAsRead);
  dispatcher.Add(Named("/covey.v1.GroupService/StreamOutput"), StreamOutput);
}

}  // namespace covey
