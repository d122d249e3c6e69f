#pragma once

#include <google/protobuf/message.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "client/retry.h"
#include "core/base/mutex.h"
#include "covey/client/stream.h"

namespace covey::client {

// How a call with one request and many answers goes on after a loss.
struct Resumption {
  // An answer to read into.
  const google::protobuf::Message& answer;
  // Makes a request ask for what follows a message; false when nothing does.
  bool (*advance)(const google::protobuf::Message& message, google::protobuf::Message* request);
};

// A stream from the daemon that outlives it: when the daemon is lost, the call is made again from where the
// last message ended, without a gap or a duplicate. See MessageStream for the contract; nothing is written.
//
// Invariants:
//   1. request_ asks for what follows the last message that Next has given.
//   2. stream_ is the call of request_ as it was when the call was made; only Next and Finish replace it.
class ResumingStream final : public MessageStream {
 public:
  using Start = std::function<std::unique_ptr<MessageStream>(const google::protobuf::Message& request,
                                                             const CallOptions& options)>;

  // `reached` is set when the daemon has answered, and says whether it ever has.
  ResumingStream(const google::protobuf::Message& request, const CallOptions& options,
                 const RetryPolicy& policy, std::shared_ptr<std::atomic<bool>> reached, Start start,
                 const Resumption& resumption);

  bool Next(google::protobuf::Message* message) override;
  bool Write(const google::protobuf::Message&) override { return false; }
  bool HalfClose() override { return false; }
  Result<Void> Finish() override;
  void Cancel() override;

 private:
  MessageStream* Current();
  // The call is over: makes another one, or keeps how it ended.
  void TakeEnd();

  // Told by the call when it ends; used by the reading thread alone.
  std::optional<std::chrono::nanoseconds> retry_after_;

  // Constant after construction.
  const CallOptions options_;
  const Backoff::Clock::time_point deadline_;
  const std::shared_ptr<std::atomic<bool>> reached_;
  const Start start_;
  const Resumption& resumption_;

  Backoff backoff_;  // has its own synchronisation

  // Used by the reading thread alone.
  const std::unique_ptr<google::protobuf::Message> request_;
  bool complete_ = false;  // the last message was the last of all
  std::optional<Result<Void>> end_;

  // Guards which stream is read, for Cancel; the reading thread reads it without. Held for no call but
  // Cancel.
  Mutex mutex_;
  std::unique_ptr<MessageStream> stream_ COVEY_GUARDED_BY(mutex_);
  bool cancelled_ COVEY_GUARDED_BY(mutex_) = false;
};

}  // namespace covey::client
