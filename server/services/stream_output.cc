#include "server/services/stream_output.h"

#include <string>
#include <utility>

#include "server/check/collector.h"
#include "server/convert/convert.h"
#include "server/services/output_relay.h"
#include "server/services/watch.h"

namespace covey {
namespace {

constexpr PageLimit kEventsAtOnce{.count = 500};

class StreamSink final : public OutputSink {
 public:
  explicit StreamSink(StreamOutputCall& call) : call_(call) {}

  Handled Send(const OutputKey& key, std::string task, OutputPiece piece,
               const OutputPosition& position) override {
    v1::StreamOutputResponse message;
    *message.mutable_chunk() = ToProto(key, std::move(task), std::move(piece));
    message.set_cursor(position.Encode());
    const bool ok = co_await call_.Write(message);
    if (!ok) co_return call_.EndError();
    co_return Void{};
  }

 private:
  StreamOutputCall& call_;
};

// A position in this group.
bool Fits(const OutputPosition& position, const DurableGroup& group) {
  if (position.after > group.View().last_number) return false;
  const uint32_t tasks = group.task_count();
  for (const auto& [key, sent] : position.sent) {
    if (key.task >= tasks) return false;
    const std::optional<TaskView> task = group.TaskInMemory(key.task);
    if (task && key.attempt > task->state.attempt) return false;
  }
  return true;
}

// Sends the ends of what has exited since the last time. Says whether the group is over.
edge::Task<Result<bool>> SendEnds(CallContext& context, StreamOutputCall& call, const GroupPtr& group,
                                  OutputRelay& relay) {
  for (;;) {
    edge::Completion<EventPage> reading;
    context.engine().ReadEvents(group, relay.position().after, kEventsAtOnce, reading.completer());
    const Result<EventPage> page = co_await reading;
    if (!page.ok()) co_return page.error();
    for (const Record& record : page.value().records()) {
      if (record.event.kind == state::EventKind::kTaskExited && record.event.attempt > 0) {
        Handled sending = relay.SendEnd(record.event.task, record.event.attempt, record.output);
        const Result<Void> sent = co_await sending;
        if (!sent.ok()) co_return sent.error();
      }
      relay.Pass(record.number);
    }
    if (page.value().completed) co_return true;
    if (page.value().empty()) co_return false;
    if (call.cancelled()) co_return call.EndError();
  }
}

}  // namespace

Handled StreamOutput(CallContext& context, StreamOutputCall& call, const GroupPtr& group) {
  const v1::StreamOutputRequest& request = call.request();
  OutputRelay::Options options;
  if (!request.cursor().empty()) {
    std::optional<OutputPosition> position = OutputPosition::Decode(request.cursor());
    if (!position || !Fits(*position, *group))
      co_return BadField("cursor", "must be the cursor of an answer about this group");
    options.from = std::move(*position);
  }
  if (request.stream() != v1::OUTPUT_STREAM_UNSPECIFIED) options.only = ToCore(request.stream());
  StreamStats::Reader reader(context.service.streams.get(), StreamStats::Kind::kOutput);
  const edge::Signal news;
  const Watch watch(group, news.notifier());
  StreamSink sink(call);
  OutputRelay relay(context.service, group, sink, news.notifier(), std::move(options));
  for (;;) {
    edge::Task<Result<bool>> ending = SendEnds(context, call, group, relay);
    const Result<bool> over = co_await ending;
    if (!over.ok()) co_return over.error();
    if (over.value()) co_return Void{};
    Handled sending = relay.SendNew();
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
    if (!request.follow()) co_return Void{};
    reader.CaughtUp();
    const edge::Wake wake = co_await news.Wait();
    reader.Behind();
    if (wake != edge::Wake::kDone) co_return call.EndError();
  }
}

}  // namespace covey
