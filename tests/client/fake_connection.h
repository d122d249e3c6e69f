#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "covey/client/connection.h"
#include "covey/result.h"

namespace covey::client {

// Tries again soon and for long.
inline constexpr RetryPolicy kQuick{.patience = std::chrono::seconds(30),
                                    .first_pause = std::chrono::microseconds(10),
                                    .longest_pause = std::chrono::milliseconds(1)};

inline Error Unavailable(const std::string& reason) {
  return {.code = ErrorCode::kUnavailable, .reason = reason, .message = "m", .fields = {}};
}

// A stream that gives its messages and ends as it was told to.
class FakeStream final : public MessageStream {
 public:
  FakeStream(std::vector<std::shared_ptr<google::protobuf::Message>> messages, Result<Void> end)
      : messages_(messages.begin(), messages.end()), end_(std::move(end)) {}

  bool Next(google::protobuf::Message* message) override {
    if (messages_.empty()) return false;
    message->CopyFrom(*messages_.front());
    messages_.pop_front();
    return true;
  }
  bool Write(const google::protobuf::Message&) override { return true; }
  bool HalfClose() override { return true; }
  Result<Void> Finish() override { return end_; }
  void Cancel() override {}

 private:
  std::deque<std::shared_ptr<google::protobuf::Message>> messages_;
  const Result<Void> end_;
};

// A connection that keeps what it is asked and answers as the test says: unary calls by `on_call`, streams by
// `on_stream`. For one thread.
class FakeConnection final : public Connection {
 public:
  struct Asked {
    const methods::Method* method;
    const google::protobuf::Message* address;  // of the request as it was handed over
    std::string request;                       // its text
    CallOptions options;
  };

  Result<Void> Call(const methods::Method& method, const google::protobuf::Message& request,
                    google::protobuf::Message* answer, const CallOptions& options) override {
    asked.push_back({&method, &request, request.ShortDebugString(), options});
    if (options.retry_after != nullptr) *options.retry_after = retry_after;
    return on_call ? on_call(method, answer) : Result<Void>(Void{});
  }
  std::unique_ptr<MessageStream> Read(const methods::Method& method, const google::protobuf::Message& request,
                                      const CallOptions& options) override {
    asked.push_back({&method, &request, request.ShortDebugString(), options});
    return on_stream(method);
  }
  std::unique_ptr<MessageStream> Open(const methods::Method& method, const CallOptions& options) override {
    asked.push_back({&method, nullptr, "", options});
    return on_stream(method);
  }

  std::vector<Asked> asked;
  std::optional<std::chrono::nanoseconds> retry_after;  // what calls are told when they fail
  std::function<Result<Void>(const methods::Method&, google::protobuf::Message* answer)> on_call;
  std::function<std::unique_ptr<MessageStream>(const methods::Method&)> on_stream;
};

}  // namespace covey::client
