#include "server/services/output_relay.h"

#include <set>
#include <utility>

#include "core/base/mutex.h"
#include "server/services/output_reader.h"

namespace covey {

// The streams that have something new. Marked by the writers of output, taken by the handler.
class OutputRelay::Dirty {
 public:
  void Mark(const StreamKey& key) COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    keys_.insert(key);
  }
  std::set<StreamKey> Take() COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return std::exchange(keys_, {});
  }
  void Forget(const StreamKey& key) COVEY_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    keys_.erase(key);
  }

 private:
  Mutex mutex_;
  std::set<StreamKey> keys_ COVEY_GUARDED_BY(mutex_);
};

OutputRelay::OutputRelay(const ServiceContext& context, GroupPtr group, OutputSink& sink,
                         std::function<void()> notify, Options options)
    : context_(context),
      group_(std::move(group)),
      sink_(sink),
      only_(options.only),
      position_(std::move(options.from)),
      dirty_(std::make_shared<Dirty>()) {
  subscription_ = context_.engine->output().Subscribe(
      group_->id(), std::nullopt,
      [dirty = dirty_, notify = std::move(notify)](uint32_t task, uint32_t attempt, OutputStream stream) {
        dirty->Mark({task, attempt, stream});
        notify();
      });
  // What was written before the subscription was told to nobody. An attempt that has ended since is told of
  // by its exit.
  for (const auto& [task, attempt] : group_->RunningAttempts()) {
    dirty_->Mark({task, attempt, OutputStream::kStdout});
    dirty_->Mark({task, attempt, OutputStream::kStderr});
  }
}

OutputKey OutputRelay::KeyOf(const StreamKey& stream) const {
  return {.group = group_->id(), .task = stream.task, .attempt = stream.attempt, .stream = stream.stream};
}

Handled OutputRelay::SendNew() {
  const std::set<StreamKey> streams = dirty_->Take();
  for (const StreamKey& stream : streams) {
    if (!Wanted(stream.stream)) continue;
    Handled sending = SendStream(stream);
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
  }
  co_return Void{};
}

Handled OutputRelay::SendEnd(uint32_t task, uint32_t attempt, std::shared_ptr<const OutputSizes> sizes) {
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    // An attempt marks nothing after its exit. A mark that is left would send the stream from its beginning.
    dirty_->Forget({task, attempt, stream});
    if (!Wanted(stream)) continue;
    std::optional<uint64_t> size;
    if (sizes != nullptr) size = SizeOf(*sizes, stream);
    Handled sending = SendStreamEnd({task, attempt, stream}, size);
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
  }
  position_.sent.erase({task, attempt, OutputStream::kStdout});
  position_.sent.erase({task, attempt, OutputStream::kStderr});
  co_return Void{};
}

Handled OutputRelay::Send(StreamKey stream, OutputPiece piece) {
  position_.sent[stream] = {.offset = piece.offset + piece.bytes.size(), .end = piece.end};
  edge::Completion<TaskView> reading;
  context_.engine->ReadTask(group_, stream.task, reading.completer());
  Result<TaskView> task = co_await reading;
  if (!task.ok()) co_return task.error();
  const OutputKey key = KeyOf(stream);
  Handled sending = sink_.Send(key, std::move(task.value().name), std::move(piece), position_);
  const Result<Void> sent = co_await sending;
  co_return sent;
}

Handled OutputRelay::SendStream(StreamKey stream) {
  const OutputKey key = KeyOf(stream);
  for (;;) {
    edge::Task<Result<OutputPiece>> reading = ReadOutputPiece(context_, key, position_.sent[stream].offset);
    Result<OutputPiece> read = co_await reading;
    if (!read.ok()) co_return read.error();
    OutputPiece& piece = read.value();
    piece.end = false;  // the exit says so
    if (piece.bytes.empty() && piece.dropped == 0) co_return Void{};
    Handled sending = Send(stream, std::move(piece));
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
  }
}

Handled OutputRelay::SendStreamEnd(StreamKey stream, std::optional<uint64_t> size) {
  if (size && *size == 0) co_return Void{};
  const OutputKey key = KeyOf(stream);
  while (!position_.sent[stream].end) {
    OutputPiece piece{.offset = position_.sent[stream].offset, .end = true};
    if (!size || piece.offset < *size) {
      edge::Task<Result<OutputPiece>> reading = ReadOutputPiece(context_, key, piece.offset);
      Result<OutputPiece> read = co_await reading;
      if (!read.ok()) co_return read.error();
      piece = std::move(read.value());
      if (size) TellLostEnd(*size, &piece);
      if (!size && piece.end && piece.offset == 0 && piece.bytes.empty())
        co_return Void{};  // it wrote nothing
    }
    Handled sending = Send(stream, std::move(piece));
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
  }
  co_return Void{};
}

}  // namespace covey
