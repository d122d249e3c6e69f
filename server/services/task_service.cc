#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/check/collector.h"
#include "server/convert/convert.h"
#include "server/services/call_lines.h"
#include "server/services/endings.h"
#include "server/services/find_task.h"
#include "server/services/output_reader.h"
#include "server/services/services.h"
#include "server/services/task_message.h"
#include "server/services/value_set.h"
#include "server/services/watch.h"
#include "server/services/whole_task.h"

// TaskService.
namespace covey {
namespace {

using edge::Unary;
using GetTaskCall = Unary<v1::GetTaskRequest, v1::GetTaskResponse>;
using ListTasksCall = Unary<v1::ListTasksRequest, v1::ListTasksResponse>;
using WaitTaskCall = Unary<v1::WaitTaskRequest, v1::WaitTaskResponse>;
using CancelTaskCall = Unary<v1::CancelTaskRequest, v1::CancelTaskResponse>;
using OutputCall = edge::ServerStream<v1::ReadOutputRequest, v1::ReadOutputResponse>;

bool IsOver(const TaskView& task) {
  return task.stopped || task.state.phase == state::TaskState::Phase::kEnded;
}

// Fills `message` with one task as it stands, with what of it the journal alone holds.
Handled Describe(const CallContext& context, const GroupPtr& group, uint32_t index, View view,
                 v1::Task* message) {
  edge::Task<Result<TaskView>> reading = ReadTask(context, group, index);
  Result<TaskView> read = co_await reading;
  if (!read.ok()) co_return read.error();
  TaskView& task = read.value();
  WholeTasks whole(context.engine(), group->id(), group);
  Handled completing = whole.Complete(task, view);
  const Result<Void> completed = co_await completing;
  if (!completed.ok()) co_return completed.error();
  TaskMessages messages(context.service, view);
  messages.Fill(task, message);
  Handled sizing = messages.Complete();
  const Result<Void> sized = co_await sizing;
  co_return sized;
}

Handled GetTask(CallContext& context, GetTaskCall& call, const GroupPtr& group) {
  edge::Task<Result<uint32_t>> finding = FindTask(context, group, call.request().task());
  const Result<uint32_t> task = co_await finding;
  if (!task.ok()) co_return task.error();
  const View view = ToCore(call.request().view(), View::kFull);
  Handled describing = Describe(context, group, task.value(), view, call.response().mutable_task());
  const Result<Void> described = co_await describing;
  co_return described;
}

// A token is the index of the first task to look at, and what it was made for: the group and the filter.
std::string MakeToken(uint32_t next, v1::ListTasksRequest request) {
  request.clear_page_token();
  request.clear_page_size();
  request.clear_view();
  return std::to_string(next) + "." + std::to_string(Fingerprint(request));
}

Result<uint32_t> ParseToken(const v1::ListTasksRequest& request) {
  const std::string& token = request.page_token();
  uint32_t next = 0;
  (void)std::from_chars(token.data(), token.data() + token.size(), next);
  if (token.empty() || token == MakeToken(next, request)) return next;
  Error error =
      BadField("page_token", "must be the next_page_token of an answer for the same group and states, got " +
                                 Quoted(token));
  error.reason = "BAD_PAGE_TOKEN";
  return error;
}

// What ListTasks reads from: a group in memory, or some of its tasks that are in the journal alone.
struct Listing {
  GroupPtr group;
  std::optional<TaskPage> page;  // begins with the next task, when there is one

  uint32_t count() const { return group->task_count(); }
  uint32_t end() const {
    return page ? page->first + static_cast<uint32_t>(page->tasks.size()) : group->task_count();
  }
  std::vector<TaskView> Views(uint32_t first, size_t limit) const {
    if (!page) return group->ViewTasks(first, limit);
    const auto begin = page->tasks.begin() + (first - page->first);
    return {begin, begin + static_cast<std::ptrdiff_t>(std::min<size_t>(limit, end() - first))};
  }
};

edge::Task<Result<Listing>> OpenListing(CallContext& context, const v1::ListTasksRequest& request) {
  edge::Completion<GroupPtr> finding;
  context.engine().FindReadable(request.group_id(), finding.completer());
  Result<GroupPtr> found = co_await finding;
  if (!found.ok()) co_return found.error();
  Listing listing{.group = std::move(found.value()), .page = {}};
  const Result<uint32_t> first = ParseToken(request);
  if (!first.ok()) co_return first.error();
  if (first.value() >= listing.group->folded()) co_return std::move(listing);
  edge::Completion<TaskPage> reading;
  context.engine().ReadPage(listing.group, first.value(), reading.completer());
  Result<TaskPage> page = co_await reading;
  if (page.ok()) {
    listing.page = std::move(page.value());
    co_return std::move(listing);
  }
  if (page.error().code != ErrorCode::kDataLoss || !listing.group->outlined()) co_return page.error();
  edge::Completion<GroupPtr> readable;  // damaged: it is told as far as it goes
  context.engine().FindWhole(request.group_id(), readable.completer());
  Result<GroupPtr> group = co_await readable;
  if (!group.ok()) co_return group.error();
  listing.group = std::move(group.value());
  co_return std::move(listing);
}

Handled ListTasks(CallContext& context, ListTasksCall& call) {
  const v1::ListTasksRequest& request = call.request();
  edge::Task<Result<Listing>> opening = OpenListing(context, request);
  const Result<Listing> opened = co_await opening;
  if (!opened.ok()) co_return opened.error();
  const Listing& listing = opened.value();
  constexpr int kDefaultPage = 100;
  // A filter that few tasks pass answers short pages instead of long waits.
  constexpr uint32_t kLookedAt = 10'000;
  const ValueSet states(request.states());
  const View view = ToCore(request.view(), View::kBasic);
  const int limit = request.page_size() == 0 ? kDefaultPage : request.page_size();
  const uint32_t count = listing.count();
  TaskMessages messages(context.service, view);
  uint32_t next = ParseToken(request).value();
  const uint32_t last = std::min<uint64_t>(listing.end(), uint64_t{next} + kLookedAt);
  PageFill fill({.count = static_cast<size_t>(limit)});
  WholeTasks whole(context.engine(), request.group_id(), listing.group);
  for (bool full = false; next < last && !full;) {
    const size_t step = std::min<size_t>(limit - fill.count(), last - next);
    std::vector<TaskView> tasks = listing.Views(next, step);
    if (tasks.empty()) break;  // they have left memory meanwhile: the next page has them
    for (TaskView& task : tasks) {
      if (states.Contains(TaskStateOf(task))) {
        Handled completing = whole.Complete(task, view);
        const Result<Void> completed = co_await completing;
        if (!completed.ok()) co_return completed.error();
        v1::Task message = ToProto(task, view);
        full = !fill.Take(message.ByteSizeLong());
        if (full) break;
        v1::Task* listed = call.response().add_tasks();
        *listed = std::move(message);
        messages.AddSizes(task, listed);
      }
      ++next;
    }
    full = full || fill.Full(0);
  }
  Handled sizing = messages.Complete();
  const Result<Void> sized = co_await sizing;
  if (!sized.ok()) co_return sized.error();
  const std::optional<Error> damage = listing.group->damage();
  if (next == count && damage && call.response().tasks_size() == 0) co_return *damage;
  // Behind what can be told of a damaged group comes the page that says why there is no more.
  if (next < count || damage) call.response().set_next_page_token(MakeToken(next, request));
  co_return Void{};
}

Handled WaitTask(CallContext& context, WaitTaskCall& call, const GroupPtr& group) {
  edge::Task<Result<uint32_t>> finding = FindTask(context, group, call.request().task());
  const Result<uint32_t> task = co_await finding;
  if (!task.ok()) co_return task.error();
  Handled waiting = TaskOver(context, group, task.value(), WaitOf(call.request()));
  const Result<Void> over = co_await waiting;
  if (!over.ok()) co_return over.error();
  Handled describing = Describe(context, group, task.value(), View::kFull, call.response().mutable_task());
  const Result<Void> described = co_await describing;
  co_return described;
}

Handled CancelTask(CallContext& context, CancelTaskCall& call, const GroupPtr& group) {
  const v1::CancelTaskRequest& request = call.request();
  edge::Task<Result<uint32_t>> finding = FindTask(context, group, request.task());
  const Result<uint32_t> task = co_await finding;
  if (!task.ok()) co_return task.error();
  Failure cause = CancelledByRequest(request.reason());
  cause.task = request.task();
  TellCancel(context, call.raw(), group->id(), request.task(), request.reason());
  edge::Completion<Void> cancelled;
  group->CancelTask(task.value(), std::move(cause), cancelled.completer());
  const Result<Void> done = co_await cancelled;
  if (!done.ok()) co_return done.error();
  if (request.wait()) {
    Handled waiting = TaskOver(context, group, task.value(), WaitOf(call.request()));
    const Result<Void> over = co_await waiting;
    if (!over.ok()) co_return over.error();
  }
  Handled describing = Describe(context, group, task.value(), View::kFull, call.response().mutable_task());
  const Result<Void> described = co_await describing;
  co_return described;
}

// Waits until the exit of an attempt, whose output has come to its end, is written. How much it wrote; null when
// nobody knows any more.
edge::Task<Result<std::shared_ptr<const OutputSizes>>> SizesAtTheEnd(CallContext& context, OutputCall& call,
                                                                     const GroupPtr& group,
                                                                     const OutputKey& key,
                                                                     const edge::Signal& news) {
  const Watch watch(group, news.notifier());
  for (;;) {
    edge::Task<Result<TaskView>> reading = ReadTask(context, group, key.task);
    const Result<TaskView> task = co_await reading;
    if (!task.ok()) co_return task.error();
    const TaskView& view = task.value();
    if (view.state.attempt != key.attempt) co_return nullptr;  // another one runs
    if (view.state.phase != state::TaskState::Phase::kRunning) co_return view.output;
    const edge::Wake wake = co_await news.Wait();
    if (wake != edge::Wake::kDone) co_return call.EndError();
  }
}

// Sends the output of one attempt from `offset` on; to its end when the request says so, else what is there.
Handled SendOutput(CallContext& context, OutputCall& call, const GroupPtr& group, const OutputKey& key,
                   const std::string& name, const edge::Signal& news) {
  uint64_t offset = call.request().offset();
  StreamStats::Reader reader(context.service.streams.get(), StreamStats::Kind::kOutput);
  for (;;) {
    edge::Task<Result<OutputPiece>> reading = ReadOutputPiece(context.service, key, offset);
    Result<OutputPiece> piece = co_await reading;
    if (!piece.ok()) co_return piece.error();
    const std::optional<Error> damage = group->damage();  // nobody knows where the output ends
    piece.value().end = piece.value().end && !damage;
    if (piece.value().end) {
      edge::Task<Result<std::shared_ptr<const OutputSizes>>> asking =
          SizesAtTheEnd(context, call, group, key, news);
      const Result<std::shared_ptr<const OutputSizes>> sizes = co_await asking;
      if (!sizes.ok()) co_return sizes.error();
      if (sizes.value() != nullptr) TellLostEnd(SizeOf(*sizes.value(), key.stream), &piece.value());
    }
    const bool empty = piece.value().bytes.empty() && piece.value().dropped == 0;
    const bool end = piece.value().end;
    if (!empty || end) {
      offset = piece.value().offset + piece.value().bytes.size();
      v1::ReadOutputResponse message;
      *message.mutable_chunk() = ToProto(key, name, std::move(piece.value()));
      const bool ok = co_await call.Write(message);
      if (!ok) co_return call.EndError();
      if (end) co_return Void{};
      continue;
    }
    if (damage) co_return *damage;
    if (!call.request().follow()) co_return Void{};
    reader.CaughtUp();
    const edge::Wake wake = co_await news.Wait();
    reader.Behind();
    if (wake != edge::Wake::kDone) co_return call.EndError();
  }
}

Handled ReadOutput(CallContext& context, OutputCall& call, const GroupPtr& group) {
  const v1::ReadOutputRequest& request = call.request();
  edge::Task<Result<uint32_t>> finding = FindTask(context, group, request.task());
  const Result<uint32_t> task = co_await finding;
  const std::optional<Error> damage = group->damage();
  if (!task.ok() && damage) co_return *damage;
  if (!task.ok()) co_return task.error();

  const edge::Signal news;
  const std::shared_ptr<void> subscription = context.engine().output().Subscribe(
      group->id(), task.value(), [notify = news.notifier()](uint32_t, uint32_t, OutputStream) { notify(); });

  OutputKey key{.group = group->id(),
                .task = task.value(),
                .attempt = request.attempt(),
                .stream = ToCore(request.stream())};
  std::optional<Watch> watch(std::in_place, group, news.notifier());
  while (key.attempt == 0) {  // the last one started; there may be none yet
    edge::Task<Result<TaskView>> reading = ReadTask(context, group, key.task);
    const Result<TaskView> view = co_await reading;
    if (!view.ok()) co_return view.error();
    key.attempt = view.value().state.attempt;
    if (key.attempt > 0) break;
    if (damage) co_return *damage;
    if (IsOver(view.value()) || !request.follow()) co_return Void{};
    const edge::Wake wake = co_await news.Wait();
    if (wake != edge::Wake::kDone) co_return call.EndError();
  }
  watch.reset();
  edge::Task<Result<TaskView>> reading = ReadTask(context, group, key.task);
  const Result<TaskView> asked = co_await reading;
  if (!asked.ok()) co_return asked.error();
  const uint32_t attempts = asked.value().state.attempt;
  if (key.attempt > attempts && !damage) {
    co_return BadField("attempt",
                       "must be 0.." + std::to_string(attempts) + ", got " + std::to_string(key.attempt));
  }
  Handled sending = SendOutput(context, call, group, key, asked.value().name, news);
  const Result<Void> sent = co_await sending;
  co_return sent;
}

}  // namespace

void AddTaskService(Dispatcher& dispatcher) {
  using methods::Named;
  dispatcher.Add(Named("/covey.v1.TaskService/GetTask"), GetTask);
  dispatcher.Add(Named("/covey.v1.TaskService/ListTasks"), ListTasks);
  dispatcher.Add(Named("/covey.v1.TaskService/WaitTask"), WaitTask);
  dispatcher.Add(Named("/covey.v1.TaskService/CancelTask"), CancelTask);
  dispatcher.Add(Named("/covey.v1.TaskService/ReadOutput"), ReadOutput, Takes::kAsFarAsRead);
}

}  // namespace covey
