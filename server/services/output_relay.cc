#include "server/services/output_relay.h"

#include <set>
#include <utility>

#include "core/base/mutex.h"
#include "server/convert/convert.h"
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

OutputRelay::OutputRelay(const ServiceContext& context, RunCall& call, GroupPtr group,
                         std::function<void()> notify)
    : context_(context), call_(call), group_(std::move(group)), dirty_(std::make_shared<Dirty>()) {
  subscription_ = context_.engine->output().Subscribe(
      group_->id(),
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
    Handled sending = SendStream(stream);
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
  }
  co_return Void{};
}

Handled OutputRelay::SendEnd(uint32_t task, uint32_t attempt, const OutputSizes& sizes) {
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    Handled sending = SendStreamEnd({task, attempt, stream}, SizeOf(sizes, stream));
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
  }
  co_return Void{};
}

Handled OutputRelay::Send(StreamKey stream, OutputPiece piece) {
  Sent& sent = sent_[stream];
  const OutputKey key = KeyOf(stream);
  sent.offset = piece.offset + piece.bytes.size();
  sent.end = piece.end;
  const uint64_t taken = sent.offset;
  v1::RunGroupResponse message;
  *message.mutable_output() = ToProto(key, group_->ViewTask(stream.task).name, std::move(piece));
  const bool ok = co_await call_.Write(message);
  if (!ok) co_return call_.EndError();
  context_.engine->output().Taken(key, taken);
  co_return Void{};
}

Handled OutputRelay::SendStream(StreamKey stream) {
  const OutputKey key = KeyOf(stream);
  for (;;) {
    edge::Task<Result<OutputPiece>> reading = ReadOutputPiece(context_, key, sent_[stream].offset);
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

Handled OutputRelay::SendStreamEnd(StreamKey stream, uint64_t size) {
  // An attempt marks nothing after its exit. A mark that is left would send the stream from its beginning.
  dirty_->Forget(stream);
  if (size == 0) {
    sent_.erase(stream);
    co_return Void{};
  }
  const OutputKey key = KeyOf(stream);
  while (!sent_[stream].end) {
    OutputPiece piece{.offset = sent_[stream].offset, .end = true};
    if (piece.offset < size) {
      edge::Task<Result<OutputPiece>> reading = ReadOutputPiece(context_, key, piece.offset);
      Result<OutputPiece> read = co_await reading;
      if (!read.ok()) co_return read.error();
      piece = std::move(read.value());
      TellLostEnd(size, &piece);
    }
    Handled sending = Send(stream, std::move(piece));
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
  }
  sent_.erase(stream);
  co_return Void{};
}

}  // namespace covey
