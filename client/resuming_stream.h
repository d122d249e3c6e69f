#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "client/retry.h"
#include "client/stream.h"
#include "core/base/check.h"
#include "core/base/mutex.h"

namespace covey::client {

// A stream from the daemon that outlives it: when the daemon is lost, the call is made again from where the
// last message ended, without a gap or a duplicate. See Stream for the contract.
//
// Invariants:
//   1. request_ asks for what follows the last message that Next has given.
//   2. stream_ is the call of request_ as it was when the call was made; only Next and Finish put another one
//   in its
//      place.
template <typename Request, typename In>
class ResumingStream final : public Stream<In> {
 public:
  using Start =
      std::function<std::unique_ptr<Stream<In>>(const Request& request, const CallOptions& options)>;
  // Makes a request ask for what follows a message; false when nothing does.
  using Advance = bool (*)(const In& message, Request* request);

  // `reached` is set when the daemon has answered, and says whether it ever has.
  ResumingStream(Request request, const CallOptions& options, const RetryPolicy& policy,
                 std::shared_ptr<std::atomic<bool>> reached, Start start, Advance advance)
      : deadline_(options.timeout ? Backoff::Clock::now() + *options.timeout
                                  : Backoff::Clock::time_point::max()),
        bounded_(options.timeout.has_value()),
        reached_(std::move(reached)),
        start_(std::move(start)),
        advance_(advance),
        backoff_(policy),
        request_(std::move(request)),
        stream_(start_(request_, options)) {}

  bool Next(In* message) override {
    while (!end_) {
      if (Current()->Next(message)) {
        *reached_ = true;
        backoff_.Reset();
        complete_ = !advance_(*message, &request_);
        return true;
      }
      TakeEnd();
    }
    return false;
  }

  Result<Void> Finish() override {
    In dropped;
    while (Next(&dropped)) {
    }
    return *end_;
  }

  void Cancel() override {
    backoff_.Stop();
    const MutexLock lock(mutex_);
    cancelled_ = true;
    stream_->Cancel();
  }

 private:
  Stream<In>* Current() {
    const MutexLock lock(mutex_);
    return stream_.get();
  }

  // The call is over: makes another one, or keeps how it ended.
  void TakeEnd() {
    const Result<Void> end = Current()->Finish();
    if (end.ok()) *reached_ = true;
    if (!end.ok() && complete_ && MayTryAgain(end.error(), Repeat::kSafe)) {
      end_ = Void{};  // the daemon went with nothing left to say
      return;
    }
    if (end.ok() || !MayTryAgain(end.error(), Repeat::kSafe) || !*reached_ || !backoff_.TryAgain(deadline_)) {
      end_ = end;
      return;
    }
    CallOptions options;
    if (bounded_) options.timeout = deadline_ - Backoff::Clock::now();
    std::unique_ptr<Stream<In>> next = start_(request_, options);
    const MutexLock lock(mutex_);
    stream_ = std::move(next);
    if (cancelled_) stream_->Cancel();
  }

  // Constant after construction.
  const Backoff::Clock::time_point deadline_;
  const bool bounded_;
  const std::shared_ptr<std::atomic<bool>> reached_;
  const Start start_;
  const Advance advance_;

  Backoff backoff_;  // has its own synchronisation

  // Used by the reading thread alone.
  Request request_;
  bool complete_ = false;  // the last message was the last of all
  std::optional<Result<Void>> end_;

  // Guards which stream is read, for Cancel; the reading thread reads it without. Held for no call but
  // Cancel.
  Mutex mutex_;
  std::unique_ptr<Stream<In>> stream_ COVEY_GUARDED_BY(mutex_);
  bool cancelled_ COVEY_GUARDED_BY(mutex_) = false;
};

}  // namespace covey::client
