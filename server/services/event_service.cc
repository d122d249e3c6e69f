#include "server/services/event_service.h"

#include <algorithm>

#include "server/check/check.h"
#include "server/services/status.h"

namespace covey {
namespace {

constexpr size_t kPage = 500;  // events in a message at most

bool Wanted(const v1::StreamEventsRequest& request, const Record& record) {
  const auto& kinds = request.kinds();
  return kinds.empty() || std::find(kinds.begin(), kinds.end(), ToProto(record.event.kind)) != kinds.end();
}

bool Wanted(const v1::StreamEventsRequest& request, const GroupSpec& group) {
  return std::all_of(request.labels().begin(), request.labels().end(), [&](const auto& wanted) {
    return std::find(group.labels.begin(), group.labels.end(),
                     std::pair<std::string, std::string>(wanted.first, wanted.second)) != group.labels.end();
  });
}

}  // namespace

void EventHandlers::Register(edge::Server& server) {
  using Service = v1::EventService::AsyncService;
  server.Add(service_, &Service::RequestStreamEvents, [this](auto& call) { return StreamEvents(call); });
}

EventHandlers::Handled EventHandlers::StreamEvents(StreamCall& call) {
  if (Violations bad = Check(call.request()); !bad.empty()) co_return ToGrpc(BadRequest(std::move(bad)));
  Handled streaming = call.request().group_id().empty() ? StreamAll(call) : StreamOne(call);
  grpc::Status status = co_await streaming;
  co_return status;
}

EventHandlers::Handled EventHandlers::StreamOne(StreamCall& call) {
  const v1::StreamEventsRequest& request = call.request();
  edge::Task<std::optional<Result<GroupPtr>>> finding = FindGroup(engine_, request.group_id());
  std::optional<Result<GroupPtr>> found = co_await finding;
  if (!found) co_return call.EndStatus();
  if (!found->ok()) co_return ToGrpc(found->error());
  const GroupPtr group = found->value();
  const uint64_t newest = group->View().last_number;
  uint64_t after = request.after();
  if (after > newest) {
    co_return ToGrpc(BadRequest({{"after", "after must be 0.." + std::to_string(newest) +
                                               ", the newest event, got " + std::to_string(after)}}));
  }
  edge::Signal news;
  const uint64_t watch = group->Watch(news.notifier());
  const std::shared_ptr<void> unwatch(nullptr, [&](void*) { group->Unwatch(watch); });
  for (;;) {
    edge::Completion<Result<EventPage>> read;
    engine_.ReadEvents(group, after, kPage, Into(read));
    std::optional<Result<EventPage>> page = co_await read;
    if (!page) co_return call.EndStatus();
    if (!page->ok()) co_return ToGrpc(page->error());
    if (page->value().through > after) {
      after = page->value().through;
      v1::StreamEventsResponse message;
      for (const Record& record : page->value().records) {
        if (Wanted(request, record)) ToProto(group->id(), record, message.add_events());
      }
      message.set_through(after);
      const bool ok = co_await call.Write(message);
      if (!ok) co_return call.EndStatus();
    }
    if (page->value().completed) co_return grpc::Status::OK;
    if (!page->value().records.empty()) continue;
    if (!request.follow()) co_return grpc::Status::OK;
    const edge::Wake wake = co_await news.Wait();
    if (wake != edge::Wake::kDone) co_return call.EndStatus();
  }
}

EventHandlers::Handled EventHandlers::StreamAll(StreamCall& call) {
  const v1::StreamEventsRequest& request = call.request();
  std::string cursor = request.cursor();
  edge::Signal news;
  const uint64_t watch = engine_.WatchAll(news.notifier());
  const std::shared_ptr<void> unwatch(nullptr, [&](void*) { engine_.UnwatchAll(watch); });
  for (;;) {
    edge::Completion<Result<WatchPage>> read;
    engine_.ReadAllEvents(cursor, kPage, Into(read));
    std::optional<Result<WatchPage>> page = co_await read;
    if (!page) co_return call.EndStatus();
    if (!page->ok()) co_return ToGrpc(page->error());
    if (!page->value().groups.empty() || page->value().more) {
      cursor = page->value().cursor;
      v1::StreamEventsResponse message;
      for (const WatchedRecords& watched : page->value().groups) {
        if (!Wanted(request, *watched.group)) continue;
        for (const Record& record : watched.records) {
          if (Wanted(request, record)) ToProto(watched.group->id, record, message.add_events());
        }
      }
      message.set_cursor(cursor);
      const bool ok = co_await call.Write(message);
      if (!ok) co_return call.EndStatus();
      continue;
    }
    if (!request.follow()) co_return grpc::Status::OK;
    const edge::Wake wake = co_await news.Wait();
    if (wake != edge::Wake::kDone) co_return call.EndStatus();
  }
}

}  // namespace covey
