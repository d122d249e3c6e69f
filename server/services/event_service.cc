#include <algorithm>
#include <string>
#include <utility>

#include "server/check/collector.h"
#include "server/convert/convert.h"
#include "server/services/event_message.h"
#include "server/services/services.h"
#include "server/services/value_set.h"
#include "server/services/watch.h"

// EventService.
namespace covey {
namespace {

using EventStream = edge::ServerStream<v1::StreamEventsRequest, v1::StreamEventsResponse>;

constexpr size_t kPage = 500;                      // events in a message at most
constexpr size_t kMessageBytes = size_t{1} << 20;  // after which the next one begins

bool HasLabels(const GroupSpec& group, const v1::StreamEventsRequest& request) {
  return std::all_of(request.labels().begin(), request.labels().end(), [&](const auto& wanted) {
    return std::find(group.labels.begin(), group.labels.end(),
                     std::pair<std::string, std::string>(wanted.first, wanted.second)) != group.labels.end();
  });
}

// Those of `kinds` that are not older than `from`.
void AddWanted(const std::string& group, const auto& records, const ValueSet& kinds, WallTime from,
               v1::StreamEventsResponse& message) {
  for (const Record& record : records) {
    if (record.time >= from && kinds.Contains(ToProto(record.event.kind)))
      ToProto(group, record, message.add_events());
  }
}

Handled StreamGroup(CallContext& context, EventStream& call, const GroupPtr& group) {
  const v1::StreamEventsRequest& request = call.request();
  const ValueSet kinds(request.kinds());
  const uint64_t newest = group->View().last_number;
  uint64_t after = request.after();
  if (after > newest) {
    co_return BadField(
        "after", "must be 0.." + std::to_string(newest) + ", the newest event, got " + std::to_string(after));
  }
  const Batch::Encode encode = [id = group->id()](const Record& record) { return EncodeEvent(id, record); };
  EventMessage message;
  const edge::Signal news;
  const Watch watch(group, news.notifier());
  for (;;) {
    edge::Completion<EventPage> read;
    context.engine().ReadEvents(group, after, kPage, read.completer());
    const Result<EventPage> page = co_await read;
    if (!page.ok()) co_return page.error();
    for (const EventSlice& slice : page.value().slices) {
      const std::vector<std::string>& pieces = slice.batch->Encoded(encode);
      for (size_t i = slice.first; i < slice.first + slice.count; ++i) {
        const Record& record = slice.batch->records()[i];
        if (kinds.Contains(ToProto(record.event.kind))) message.Add(pieces[i]);
        after = record.number;
        message.SetThrough(after);
        if (message.bytes() < kMessageBytes) continue;
        const grpc::ByteBuffer full = message.Take();
        const bool ok = co_await call.raw().Write(full);
        if (!ok) co_return call.EndError();
      }
    }
    if (!message.empty()) {
      const grpc::ByteBuffer rest = message.Take();
      const bool ok = co_await call.raw().Write(rest);
      if (!ok) co_return call.EndError();
    }
    if (page.value().dropped > 0) {
      v1::StreamEventsResponse gap;
      gap.set_dropped(page.value().dropped);
      gap.set_through(page.value().through);
      const bool ok = co_await call.Write(gap);
      if (!ok) co_return call.EndError();
      co_return ResidentGroups::NotFound(group->id());
    }
    if (page.value().completed) co_return Void{};
    if (!page.value().empty()) continue;
    if (!request.follow()) co_return Void{};
    const edge::Wake wake = co_await news.Wait();
    if (wake != edge::Wake::kDone) co_return call.EndError();
  }
}

// Where a stream over all groups starts.
edge::Task<Result<std::string>> StartOf(CallContext& context, const v1::StreamEventsRequest& request) {
  if (!request.latest()) co_return request.cursor();
  edge::Completion<std::string> newest;
  context.engine().NewestCursor(newest.completer());
  Result<std::string> cursor = co_await newest;
  co_return cursor;
}

// Adds the events of a page that are asked for. False: all of it is older than what is asked for.
bool AddPage(const WatchPage& page, const v1::StreamEventsRequest& request, const ValueSet& kinds,
             v1::StreamEventsResponse& message) {
  const WallTime from = request.has_time() ? ToCore(request.time()) : WallTime::min();
  const auto recent = [from](const Record& record) { return record.time >= from; };
  bool any = page.groups.empty() && !request.has_time();
  for (const WatchedRecords& watched : page.groups) {
    any = any || std::any_of(watched.records.begin(), watched.records.end(), recent);
    if (!HasLabels(*watched.group, request)) continue;
    AddWanted(watched.group->id, watched.records, kinds, from, message);
  }
  return any;
}

Handled StreamAll(CallContext& context, EventStream& call) {
  const v1::StreamEventsRequest& request = call.request();
  const ValueSet kinds(request.kinds());
  const edge::Signal news;
  const Watch watch(context.engine(), news.notifier());
  edge::Task<Result<std::string>> starting = StartOf(context, request);
  const Result<std::string> start = co_await starting;
  if (!start.ok()) co_return start.error();
  std::string cursor = start.value();
  if (request.latest()) {
    v1::StreamEventsResponse message;
    message.set_cursor(cursor);
    const bool ok = co_await call.Write(message);
    if (!ok) co_return call.EndError();
  }
  for (;;) {
    edge::Completion<WatchPage> read;
    context.engine().ReadAllEvents(cursor, kPage, read.completer());
    const Result<WatchPage> page = co_await read;
    if (!page.ok()) co_return page.error();
    if (!page.value().groups.empty() || page.value().more) {
      cursor = page.value().cursor;
      v1::StreamEventsResponse message;
      if (!AddPage(page.value(), request, kinds, message)) continue;  // no cursor before the start
      message.set_cursor(cursor);
      const bool ok = co_await call.Write(message);
      if (!ok) co_return call.EndError();
      continue;
    }
    if (!request.follow()) co_return Void{};
    const edge::Wake wake = co_await news.Wait();
    if (wake != edge::Wake::kDone) co_return call.EndError();
  }
}

// No coroutine itself: it only chooses one.
Handled StreamEvents(CallContext& context, EventStream& call, const GroupPtr& group) {
  return group == nullptr ? StreamAll(context, call) : StreamGroup(context, call, group);
}

}  // namespace

void AddEventService(Dispatcher& dispatcher) {
  dispatcher.Add(methods::Named("/covey.v1.EventService/StreamEvents"), StreamEvents, Takes::kAsFarAsRead);
}

}  // namespace covey
