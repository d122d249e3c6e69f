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

Handled OutputRelay::SendEnd(uint32_t task, uint32_t attempt) {
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    Handled sending = SendStreamEnd({task, attempt, stream});
    const Result<Void> sent = co_await sending;
    if (!sent.ok()) co_return sent.error();
  }
  co_return Void{};
}

Handled OutputRelay::SendStream(StreamKey stream) {
  const OutputKey key = KeyOf(stream);
  Sent& sent = sent_[stream];
  while (context_.engine->output().Size(key) > sent.offset) {
    edge::Task<Result<OutputPiece>> reading = ReadOutputPiece(context_, key, sent.offset);
    Result<OutputPiece> read = co_await reading;
    if (!read.ok()) co_return read.error();
    OutputPiece& piece = read.value();
    if (piece.bytes.empty() && piece.dropped == 0) break;
    sent.offset = piece.offset + piece.bytes.size();
    sent.end = piece.end;
    v1::RunGroupResponse message;
    *message.mutable_output() = ToProto(key, group_->ViewTask(stream.task).name, std::move(piece));
    const bool ok = co_await call_.Write(message);
    if (!ok) co_return call_.EndError();
  }
  co_return Void{};
}

Handled OutputRelay::SendStreamEnd(StreamKey stream) {
  Handled sending = SendStream(stream);
  const Result<Void> all = co_await sending;
  // An attempt marks nothing after its exit. A mark that is left would send the stream from its beginning.
  dirty_->Forget(stream);
  const Sent sent = sent_[stream];
  sent_.erase(stream);
  if (!all.ok() || sent.end || sent.offset == 0) co_return all;
  OutputPiece nothing{.offset = sent.offset, .end = true};
  v1::RunGroupResponse message;
  *message.mutable_output() = ToProto(KeyOf(stream), group_->ViewTask(stream.task).name, std::move(nothing));
  const bool ok = co_await call_.Write(message);
  if (!ok) co_return call_.EndError();
  co_return Void{};
}

}  // namespace covey
