// What is made again and what is not, call by call, without a daemon.

#include "client/retrying_connection.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "covey/v1/admin_service.pb.h"
#include "covey/v1/event_service.pb.h"
#include "covey/v1/group_service.pb.h"
#include "covey/v1/pool_service.pb.h"
#include "covey/v1/task_service.pb.h"
#include "tests/client/fake_connection.h"

namespace covey::client {
namespace {

using google::protobuf::Message;
using methods::Method;
using methods::Named;
using methods::Repeat;
using std::chrono::milliseconds;

Error Lost() { return Unavailable("CONNECTION_LOST"); }
Error Unreachable() { return Unavailable("UNREACHABLE"); }

// The messages of `method`, empty.
struct Messages {
  explicit Messages(const Method& method) {
    (void)v1::GetServerInfoRequest::descriptor();  // links each file
    (void)v1::GetPoolRequest::descriptor();
    std::string name(method.name.substr(1));
    name[name.find('/')] = '.';
    const auto* rpc = google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
    auto* factory = google::protobuf::MessageFactory::generated_factory();
    request.reset(factory->GetPrototype(rpc->input_type())->New());
    answer.reset(factory->GetPrototype(rpc->output_type())->New());
  }
  std::unique_ptr<Message> request;
  std::unique_ptr<Message> answer;
};

class RetryingConnectionTest : public testing::Test {
 protected:
  // The calls end so, one after the other; those that follow well.
  void Ends(std::vector<Result<Void>> ends) {
    inner_->asked.clear();
    inner_->on_call = [ends, next = size_t{0}](const Method&, Message*) mutable {
      return next < ends.size() ? ends[next++] : Result<Void>(Void{});
    };
  }
  // The daemon has been there.
  void Reach() {
    Ends({});
    v1::GetServerInfoResponse answer;
    ASSERT_TRUE(connection_->Call(kInfo, v1::GetServerInfoRequest(), &answer, {}).ok());
  }
  Result<Void> Call(const Method& method, const CallOptions& options = {}) {
    const Messages messages(method);
    return connection_->Call(method, *messages.request, messages.answer.get(), options);
  }

  static constexpr const Method& kInfo = Named("/covey.v1.AdminService/GetServerInfo");

  const std::shared_ptr<FakeConnection> inner_ = std::make_shared<FakeConnection>();
  const std::shared_ptr<Connection> connection_ = MakeRetryingConnection(inner_, kQuick);
};

TEST_F(RetryingConnectionTest, ALostCallIsMadeAgainAsTheTableSays) {
  for (const Method& method : methods::kMethods) {
    if (method.shape != methods::Shape::kUnary) continue;
    SCOPED_TRACE(method.name);
    Reach();
    Ends({Lost()});
    EXPECT_EQ(Call(method).ok(), method.repeat == Repeat::kSafe);
    EXPECT_EQ(inner_->asked.size(), method.repeat == Repeat::kSafe ? 2U : 1U);
  }
}

// The daemon that comes back is not the one to be drained; what has ended since was not to be purged; a group that
// the first call has deleted is not there for the second.
TEST_F(RetryingConnectionTest, WhatMeansSomethingElseTheSecondTimeIsNotMadeAgain) {
  for (const Method* method : {&Named("/covey.v1.AdminService/Drain"), &Named("/covey.v1.AdminService/Prune"),
                               &Named("/covey.v1.GroupService/DeleteGroup")}) {
    SCOPED_TRACE(method->name);
    Reach();
    Ends({Lost()});
    EXPECT_FALSE(Call(*method).ok());
    EXPECT_EQ(inner_->asked.size(), 1U);
  }
}

TEST_F(RetryingConnectionTest, WithARequestIdTheCallIsMadeAgain) {
  for (const Method* method :
       {&Named("/covey.v1.GroupService/CreateGroup"), &Named("/covey.v1.GroupService/SubmitTasks")}) {
    Reach();
    Ends({Lost(), Lost()});
    const Messages messages(*method);
    const auto* id = messages.request->GetDescriptor()->FindFieldByName("request_id");
    messages.request->GetReflection()->SetString(messages.request.get(), id, "mine");
    EXPECT_TRUE(connection_->Call(*method, *messages.request, messages.answer.get(), {}).ok());
    ASSERT_EQ(inner_->asked.size(), 3U);
    EXPECT_EQ(inner_->asked[2].request, "request_id: \"mine\"");
  }
}

TEST_F(RetryingConnectionTest, WhatWasCertainlyNotCarriedOutIsMadeAgain) {
  Reach();
  Ends({Unreachable()});
  EXPECT_TRUE(Call(Named("/covey.v1.GroupService/DeleteGroup")).ok());
  EXPECT_EQ(inner_->asked.size(), 2U);
}

TEST_F(RetryingConnectionTest, ARefusalThatSaysWhenIsMadeAgainThen) {
  const Error full{
      .code = ErrorCode::kResourceExhausted, .reason = "QUEUE_FULL", .message = "m", .fields = {}};
  inner_->retry_after = milliseconds(20);
  Ends({full, full});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(Call(Named("/covey.v1.GroupService/SealGroup")).ok());
  EXPECT_EQ(inner_->asked.size(), 3U);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(40));
  Ends({full});
  EXPECT_EQ(Call(Named("/covey.v1.GroupService/CreateGroup")).error().reason, "QUEUE_FULL")
      << "no request id";
  EXPECT_EQ(inner_->asked.size(), 1U);
}

// The group of a RunGroup that was cut off is asked for when the daemon comes back.
TEST_F(RetryingConnectionTest, AStreamReachesTheDaemonToo) {
  inner_->on_stream = [](const Method&) {
    return std::make_unique<FakeStream>(std::vector<std::shared_ptr<Message>>{}, Lost());
  };
  EXPECT_FALSE(connection_->Open(Named("/covey.v1.GroupService/RunGroup"), {})->Finish().ok());
  Ends({Unreachable()});
  EXPECT_TRUE(Call(Named("/covey.v1.GroupService/WaitGroup")).ok());
}

TEST_F(RetryingConnectionTest, ADaemonThatWasNeverReachedIsNotWaitedFor) {
  Ends({Unreachable()});
  EXPECT_EQ(Call(kInfo).error().reason, "UNREACHABLE");
  EXPECT_EQ(inner_->asked.size(), 1U);
}

TEST_F(RetryingConnectionTest, TheClientsOwnEndSaysNothingOfTheDaemon) {
  const Error late{
      .code = ErrorCode::kDeadlineExceeded, .reason = "DEADLINE_EXCEEDED", .message = "m", .fields = {}};
  const Error cancelled{.code = ErrorCode::kCancelled, .reason = "CANCELLED", .message = "m", .fields = {}};
  for (const Error& end : {late, cancelled}) {
    Ends({end, Unreachable()});
    EXPECT_EQ(Call(kInfo).error().reason, end.reason);
    EXPECT_EQ(Call(kInfo).error().reason, "UNREACHABLE");
    EXPECT_EQ(inner_->asked.size(), 2U);
  }
}

TEST_F(RetryingConnectionTest, AnyAnswerOfTheDaemonReachesIt) {
  const Error refused{.code = ErrorCode::kNotFound, .reason = "NOT_FOUND", .message = "m", .fields = {}};
  Ends({refused, Unreachable()});
  EXPECT_FALSE(Call(kInfo).ok());
  EXPECT_TRUE(Call(kInfo).ok());
  EXPECT_EQ(inner_->asked.size(), 3U);
}

TEST_F(RetryingConnectionTest, TheTimeoutIsOneForAllAttempts) {
  Reach();
  Ends({Lost(), Lost()});
  EXPECT_TRUE(Call(kInfo, {.timeout = std::chrono::hours(1)}).ok());
  ASSERT_EQ(inner_->asked.size(), 3U);
  EXPECT_EQ(inner_->asked[0].options.timeout, std::chrono::hours(1));
  EXPECT_LT(inner_->asked[1].options.timeout, std::chrono::hours(1));
  EXPECT_LT(inner_->asked[2].options.timeout, inner_->asked[1].options.timeout);
  EXPECT_GT(inner_->asked[2].options.timeout, std::chrono::minutes(59));
}

TEST_F(RetryingConnectionTest, AnEndlessTimeoutDoesNotOverflow) {
  constexpr auto kEndless = std::chrono::nanoseconds::max();
  Reach();
  Ends({Lost()});
  EXPECT_TRUE(Call(kInfo, {.timeout = kEndless}).ok());
  EXPECT_EQ(inner_->asked.back().options.timeout, kEndless);

  int streams = 0;
  inner_->on_stream = [&streams](const Method&) {
    return std::make_unique<FakeStream>(std::vector<std::shared_ptr<Message>>{},
                                        ++streams < 3 ? Result<Void>(Lost()) : Result<Void>(Void{}));
  };
  const auto stream = connection_->Read(Named("/covey.v1.EventService/StreamEvents"),
                                        v1::StreamEventsRequest(), {.timeout = kEndless});
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(streams, 3);
  EXPECT_EQ(inner_->asked.back().options.timeout, kEndless);
}

// The daemon answered, if only that it is going: a stream waits for the next one as a call does.
TEST_F(RetryingConnectionTest, AStreamThatWasRefusedByAGoingDaemonGoesOnWithTheNext) {
  int streams = 0;
  inner_->on_stream = [&streams](const Method&) -> std::unique_ptr<MessageStream> {
    std::vector<std::shared_ptr<Message>> messages;
    switch (++streams) {
      case 1:
        return std::make_unique<FakeStream>(messages, Lost());
      case 2:
        return std::make_unique<FakeStream>(messages, Unreachable());
      default:
        messages.push_back(std::make_shared<v1::StreamEventsResponse>());
        return std::make_unique<FakeStream>(messages, Void{});
    }
  };
  const auto stream =
      connection_->Read(Named("/covey.v1.EventService/StreamEvents"), v1::StreamEventsRequest(), {});
  v1::StreamEventsResponse message;
  EXPECT_TRUE(stream->Next(&message));
  EXPECT_FALSE(stream->Next(&message));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(streams, 3);
}

TEST_F(RetryingConnectionTest, AStreamToADaemonThatWasNeverReachedIsNotWaitedFor) {
  int streams = 0;
  inner_->on_stream = [&streams](const Method&) {
    ++streams;
    return std::make_unique<FakeStream>(std::vector<std::shared_ptr<Message>>{}, Unreachable());
  };
  const auto stream =
      connection_->Read(Named("/covey.v1.TaskService/ReadOutput"), v1::ReadOutputRequest(), {});
  EXPECT_EQ(stream->Finish().error().reason, "UNREACHABLE");
  EXPECT_EQ(streams, 1);
}

TEST_F(RetryingConnectionTest, AScopeIsMadeOnce) {
  Reach();
  inner_->on_stream = [](const Method&) {
    return std::make_unique<FakeStream>(std::vector<std::shared_ptr<Message>>{}, Lost());
  };
  inner_->asked.clear();
  const auto stream = connection_->Open(Named("/covey.v1.GroupService/RunGroup"), {});
  EXPECT_EQ(stream->Finish().error().reason, "CONNECTION_LOST");
  EXPECT_EQ(inner_->asked.size(), 1U);
}

}  // namespace
}  // namespace covey::client
