#pragma once

#include <memory>
#include <utility>

#include "covey/result.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace covey::client {

// The messages of one call, whatever their types: what a Connection makes, and what stands behind Stream,
// Duplex and Upload.
//
// Next and Finish are called by one thread at a time, Write and HalfClose by one, which need not be the same;
// Cancel by any, also while another one is in Next or Finish. Destroying a stream whose call is not over
// cancels the call and waits until it has ended locally.
class MessageStream {
 public:
  MessageStream() = default;
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;
  virtual ~MessageStream() = default;

  // Waits for the next message, which must be of the type that the method answers with. False when none will
  // come: Finish says why.
  virtual bool Next(google::protobuf::Message* message) = 0;
  // Waits for room. False when the call is over: Finish says why.
  virtual bool Write(const google::protobuf::Message& message) = 0;
  // No Write follows. False when the call is over.
  virtual bool HalfClose() = 0;
  // Drops the messages that were not read, waits for the end of the call and returns how it ended; again the
  // same when called again.
  virtual Result<Void> Finish() = 0;
  // Ends the call at once, with kCancelled unless it had ended before.
  virtual void Cancel() = 0;
};

// A call that the daemon answers message by message. For threads and life time see MessageStream.
template <typename In>
class Stream {
 public:
  explicit Stream(std::unique_ptr<MessageStream> stream) : stream_(std::move(stream)) {}

  bool Next(In* message) { return stream_->Next(message); }
  Result<Void> Finish() { return stream_->Finish(); }
  void Cancel() { stream_->Cancel(); }

 private:
  const std::unique_ptr<MessageStream> stream_;
};

// A call with messages both ways.
template <typename Out, typename In>
class Duplex {
 public:
  explicit Duplex(std::unique_ptr<MessageStream> stream) : stream_(std::move(stream)) {}

  bool Next(In* message) { return stream_->Next(message); }
  bool Write(const Out& message) { return stream_->Write(message); }
  bool HalfClose() { return stream_->HalfClose(); }
  Result<Void> Finish() { return stream_->Finish(); }
  void Cancel() { stream_->Cancel(); }

 private:
  const std::unique_ptr<MessageStream> stream_;
};

// A call with many messages there and one answer back. For one thread at a time, but for Cancel.
template <typename Out, typename In>
class Upload {
 public:
  explicit Upload(std::unique_ptr<MessageStream> stream) : stream_(std::move(stream)) {}

  bool Write(const Out& message) { return stream_->Write(message); }
  // Ends the messages and waits for the answer. Called once.
  Result<In> Finish() {
    stream_->HalfClose();
    In answer;
    const bool answered = stream_->Next(&answer);
    const Result<Void> end = stream_->Finish();
    if (!end.ok()) return end.error();
    if (!answered) {
      return Error{.code = ErrorCode::kInternal,
                   .reason = "NO_RESULT",
                   .message = "the daemon ended the call without an answer",
                   .fields = {}};
    }
    return answer;
  }
  void Cancel() { stream_->Cancel(); }

 private:
  const std::unique_ptr<MessageStream> stream_;
};

}  // namespace covey::client
