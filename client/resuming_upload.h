#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "client/retry.h"
#include "core/base/mutex.h"
#include "covey/client/stream.h"
#include "covey/v1/group_service.pb.h"

namespace covey::client {

// A SubmitTaskStream that outlives its daemon: when that is lost, the call is made again and all messages are sent
// once more, under the request id that makes the daemon add none of them twice. A first message without one gets
// one. See MessageStream for the contract; Write, HalfClose, Next and Finish are for one thread at a time.
//
// What was sent is kept for that, up to kMostKept bytes; a stream that is larger is not made again.
//
// Invariants:
//   1. While it is resumable, kept_ are all messages that were written, in their order.
//   2. stream_ has been given all of kept_, and the half-close when closed_, or is over.
class ResumingUpload final : public MessageStream {
 public:
  static constexpr size_t kMostKept = size_t{64} << 20;

  using Start = std::function<std::unique_ptr<MessageStream>(const CallOptions& options)>;

  // `reached` is set when the daemon has answered, and says whether it ever has.
  ResumingUpload(const CallOptions& options, const RetryPolicy& policy,
                 std::shared_ptr<std::atomic<bool>> reached, Start start, size_t most_kept = kMostKept);

  bool Next(google::protobuf::Message* message) override;
  bool Write(const google::protobuf::Message& message) override;
  bool HalfClose() override;
  Result<Void> Finish() override;
  void Cancel() override;

 private:
  MessageStream* Current();
  void Keep(const v1::SubmitTaskStreamRequest& message);
  // The call has taken no more, or has ended: keeps its answer, or makes it again and sends everything. False: it
  // is over.
  bool GoOn();
  // Keeps the answer of the call, if there is one.
  bool TakeAnswer();
  // Makes the call again unless that is in vain; false: `end_` is set.
  bool StartAgain();
  bool SendAll();

  // Told by the call when it ends.
  std::optional<std::chrono::nanoseconds> retry_after_;

  // Constant after construction.
  const CallOptions options_;
  const Backoff::Clock::time_point deadline_;
  const std::chrono::nanoseconds patience_;
  const std::shared_ptr<std::atomic<bool>> reached_;
  const Start start_;
  const size_t most_kept_;

  Backoff backoff_;  // has its own synchronisation

  // Used by the calling thread alone.
  std::vector<v1::SubmitTaskStreamRequest> kept_;
  size_t kept_bytes_ = 0;
  bool begun_ = false;                                        // a message was written
  bool resumable_ = true;                                     // what was written is kept
  bool closed_ = false;                                       // no message follows
  bool answered_ = false;                                     // Next has given the answer
  Backoff::Clock::time_point since_ = Backoff::Clock::now();  // the call was made
  std::optional<v1::SubmitTaskStreamResponse> answer_;
  std::optional<Result<Void>> end_;

  // Guards which stream is used, for Cancel; the calling thread reads it without. Held for no call but Cancel.
  Mutex mutex_;
  std::unique_ptr<MessageStream> stream_ COVEY_GUARDED_BY(mutex_);
  bool cancelled_ COVEY_GUARDED_BY(mutex_) = false;
};

}  // namespace covey::client
