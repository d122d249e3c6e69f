#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "server/check/collector.h"
#include "server/convert/convert.h"
#include "server/edge/message.h"
#include "server/services/answer_room.h"
#include "server/services/event_message.h"
#include "server/services/services.h"
#include "server/services/value_set.h"
#include "server/services/watch.h"

// EventService.
namespace covey {
namespace {

using EventStream = edge::ServerStream<v1::StreamEventsRequest, v1::StreamEventsResponse>;

constexpr PageLimit kPage{.count = 500};  // of a message

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
  StreamStats::Reader reader(context.service.streams.get(), StreamStats::Kind::kGroupEvents);
  const edge::Signal news;
  const Watch watch(group, news.notifier());
  Reservation room;
  for (;;) {
    Handled waiting = RoomForAnswer(context.service, room);
    const Result<Void> found = co_await waiting;
    if (!found.ok()) co_return found.error();
    edge::Completion<EventPage> read;
    context.engine().ReadEvents(group, after, kPage, read.completer());
    Result<EventPage> page = co_await read;
    if (!page.ok()) co_return page.error();
    for (const EventSlice& slice : page.value().slices) {
      const std::vector<std::string>& pieces = slice.batch->Encoded(encode);
      for (size_t i = slice.first; i < slice.first + slice.count; ++i) {
        const Record& record = slice.batch->records()[i];
        const bool wanted = kinds.Contains(ToProto(record.event.kind));
        if (wanted && message.bytes() > 0 && message.bytes() + pieces[i].size() > kPage.bytes) {
          const grpc::ByteBuffer full = message.Take();
          const AnswerRoom::Writing writing(context.service.answers.get(), call.raw());
          const bool ok = co_await call.raw().Write(full);
          if (!ok) co_return call.EndError();
        }
        if (wanted) message.Add(pieces[i]);
        after = record.number;
        message.SetThrough(after);
      }
    }
    const bool completed = page.value().completed;
    const bool empty = page.value().empty();
    const uint64_t dropped = page.value().dropped;
    if (dropped > 0) after = page.value().through;
    if (!message.empty()) {
      const grpc::ByteBuffer rest = message.Take();
      page = EventPage();  // a slow reader holds its message alone
      KeepRoom(room, rest.Length());
      const AnswerRoom::Writing writing(context.service.answers.get(), call.raw());
      const bool ok = co_await call.raw().Write(rest);
      if (!ok) co_return call.EndError();
    }
    if (dropped > 0) {
      v1::StreamEventsResponse gap;
      gap.set_dropped(dropped);
      gap.set_through(after);
      const bool ok = co_await call.Write(gap);
      if (!ok) co_return call.EndError();
      co_return ResidentGroups::NotFound(group->id());
    }
    room.Reset();
    if (completed) co_return Void{};
    if (!empty) continue;
    if (!request.follow()) co_return Void{};
    reader.CaughtUp();
    const edge::Wake wake = co_await news.Wait();
    reader.Behind();
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

// What a page tells with its cursor; nullopt: nothing, since all of it is older than what is asked for, and no
// cursor is told before the start.
std::optional<grpc::ByteBuffer> MessageOf(const WatchPage& page, const v1::StreamEventsRequest& request,
                                          const ValueSet& kinds) {
  v1::StreamEventsResponse message;
  if (!AddPage(page, request, kinds, message)) return std::nullopt;
  message.set_cursor(page.cursor);
  grpc::ByteBuffer bytes;
  edge::Serialize(message, SIZE_MAX, bytes);
  return bytes;
}

Handled StreamAll(CallContext& context, EventStream& call) {
  const v1::StreamEventsRequest& request = call.request();
  const ValueSet kinds(request.kinds());
  StreamStats::Reader reader(context.service.streams.get(), StreamStats::Kind::kAllEvents);
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
  Reservation room;
  for (;;) {
    Handled waiting = RoomForAnswer(context.service, room);
    const Result<Void> found = co_await waiting;
    if (!found.ok()) co_return found.error();
    edge::Completion<WatchPage> read;
    context.engine().ReadAllEvents(cursor, kPage, read.completer());
    Result<WatchPage> page = co_await read;
    if (!page.ok()) co_return page.error();
    if (!page.value().groups.empty() || page.value().more) {
      cursor = page.value().cursor;
      const std::optional<grpc::ByteBuffer> message = MessageOf(page.value(), request, kinds);
      if (!message) continue;
      page = WatchPage();  // a slow reader holds its message alone
      KeepRoom(room, message->Length());
      const AnswerRoom::Writing writing(context.service.answers.get(), call.raw());
      const bool ok = co_await call.raw().Write(*message);
      if (!ok) co_return call.EndError();
      continue;
    }
    room.Reset();
    if (!request.follow()) co_return Void{};
    reader.CaughtUp();
    const edge::Wake wake = co_await news.Wait();
    reader.Behind();
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
