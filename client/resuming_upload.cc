#include "client/resuming_upload.h"

#include <utility>

#include "covey/client/request_id.h"

namespace covey::client {
namespace {

using google::protobuf::Message;

CallOptions WithRetryAfter(CallOptions options, std::optional<std::chrono::nanoseconds>* retry_after) {
  if (options.retry_after == nullptr) options.retry_after = retry_after;
  return options;
}

}  // namespace

ResumingUpload::ResumingUpload(const CallOptions& options, const RetryPolicy& policy,
                               std::shared_ptr<std::atomic<bool>> reached, Start start, size_t most_kept)
    : options_(WithRetryAfter(options, &retry_after_)),
      deadline_(DeadlineOf(options)),
      patience_(policy.patience),
      reached_(std::move(reached)),
      start_(std::move(start)),
      most_kept_(most_kept),
      backoff_(policy),
      stream_(start_(options_)) {}

MessageStream* ResumingUpload::Current() {
  const MutexLock lock(mutex_);
  return stream_.get();
}

void ResumingUpload::Keep(const v1::SubmitTaskStreamRequest& message) {
  kept_bytes_ += message.ByteSizeLong();
  if (begun_ && kept_bytes_ > most_kept_) {
    resumable_ = false;
    kept_ = {};
    return;
  }
  kept_.push_back(message);
  if (!std::exchange(begun_, true) && message.request_id().empty())
    kept_.front().set_request_id(NewRequestId());
}

bool ResumingUpload::Write(const Message& message) {
  if (end_ || answer_ || closed_) return false;
  const auto& request = static_cast<const v1::SubmitTaskStreamRequest&>(message);
  if (resumable_) Keep(request);
  if (Current()->Write(resumable_ ? kept_.back() : request)) return true;
  return GoOn();
}

bool ResumingUpload::HalfClose() {
  if (end_ || answer_) return false;
  closed_ = true;
  return Current()->HalfClose() || GoOn();
}

bool ResumingUpload::Next(Message* message) {
  while (!answer_ && !end_) {
    if (!TakeAnswer()) GoOn();
  }
  if (!answer_ || std::exchange(answered_, true)) return false;
  message->CopyFrom(*answer_);
  return true;
}

Result<Void> ResumingUpload::Finish() {
  while (!answer_ && !end_) {
    if (!TakeAnswer()) GoOn();
  }
  if (!end_) end_ = Current()->Finish();
  return *end_;
}

void ResumingUpload::Cancel() {
  backoff_.Stop();
  const MutexLock lock(mutex_);
  cancelled_ = true;
  stream_->Cancel();
}

bool ResumingUpload::TakeAnswer() {
  v1::SubmitTaskStreamResponse answer;
  if (!Current()->Next(&answer)) return false;
  *reached_ = true;
  answer_ = std::move(answer);
  return true;
}

bool ResumingUpload::GoOn() {
  do {
    if (TakeAnswer() || !StartAgain()) return false;
  } while (!SendAll());
  return true;
}

bool ResumingUpload::StartAgain() {
  const Result<Void> end = Current()->Finish();
  if (end.ok() || HasAnswered(end.error())) *reached_ = true;
  const std::optional<std::chrono::nanoseconds> after = *options_.retry_after;
  const methods::Repeat repeat = resumable_ ? methods::Repeat::kWithRequestId : methods::Repeat::kNever;
  // A stream that lasted was cut off. What ends the daemon each time it is sent is not sent for ever.
  if (Backoff::Clock::now() - since_ > patience_) backoff_.Reset();
  if (end.ok() || !resumable_ || !MayTryAgain(end.error(), repeat, after.has_value()) || !*reached_ ||
      !backoff_.TryAgain(deadline_, after.value_or(std::chrono::nanoseconds(0)))) {
    end_ = end;
    return false;
  }
  since_ = Backoff::Clock::now();
  CallOptions options = options_;
  if (deadline_ != Backoff::Clock::time_point::max()) options.timeout = deadline_ - since_;
  std::unique_ptr<MessageStream> next = start_(options);
  const MutexLock lock(mutex_);
  stream_ = std::move(next);
  if (cancelled_) stream_->Cancel();
  return true;
}

bool ResumingUpload::SendAll() {
  for (const v1::SubmitTaskStreamRequest& message : kept_) {
    if (!Current()->Write(message)) return false;
  }
  return !closed_ || Current()->HalfClose();
}

}  // namespace covey::client
