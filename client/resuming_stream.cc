#include "client/resuming_stream.h"

#include <utility>

namespace covey::client {
namespace {

using google::protobuf::Message;

std::unique_ptr<Message> Copy(const Message& message) {
  std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  return copy;
}

CallOptions WithHint(CallOptions options, std::optional<std::chrono::nanoseconds>* retry_after) {
  options.retry_after = retry_after;
  return options;
}

}  // namespace

ResumingStream::ResumingStream(const Message& request, const CallOptions& options, const RetryPolicy& policy,
                               std::shared_ptr<std::atomic<bool>> reached, Start start,
                               const Resumption& resumption)
    : options_(WithHint(options, &retry_after_)),
      deadline_(DeadlineOf(options)),
      reached_(std::move(reached)),
      start_(std::move(start)),
      resumption_(resumption),
      backoff_(policy),
      request_(Copy(request)),
      stream_(start_(*request_, options_)) {}

bool ResumingStream::Next(Message* message) {
  while (!end_) {
    if (Current()->Next(message)) {
      *reached_ = true;
      backoff_.Reset();
      complete_ = !resumption_.advance(*message, request_.get());
      return true;
    }
    TakeEnd();
  }
  return false;
}

Result<Void> ResumingStream::Finish() {
  const std::unique_ptr<Message> dropped(resumption_.answer.New());
  while (Next(dropped.get())) {
  }
  return *end_;
}

void ResumingStream::Cancel() {
  backoff_.Stop();
  const MutexLock lock(mutex_);
  cancelled_ = true;
  stream_->Cancel();
}

MessageStream* ResumingStream::Current() {
  const MutexLock lock(mutex_);
  return stream_.get();
}

void ResumingStream::TakeEnd() {
  const Result<Void> end = Current()->Finish();
  if (end.ok() || HasAnswered(end.error())) *reached_ = true;
  const bool again = !end.ok() && MayTryAgain(end.error(), methods::Repeat::kSafe, retry_after_.has_value());
  if (again && complete_) {
    end_ = Void{};  // the daemon went with nothing left to say
    return;
  }
  if (!again || !*reached_ ||
      !backoff_.TryAgain(deadline_, retry_after_.value_or(std::chrono::nanoseconds(0)))) {
    end_ = end;
    return;
  }
  CallOptions options = options_;
  if (deadline_ != Backoff::Clock::time_point::max()) options.timeout = deadline_ - Backoff::Clock::now();
  std::unique_ptr<MessageStream> next = start_(*request_, options);
  const MutexLock lock(mutex_);
  stream_ = std::move(next);
  if (cancelled_) stream_->Cancel();
}

}  // namespace covey::client
