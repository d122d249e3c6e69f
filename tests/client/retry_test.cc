// What bridges a restart of the daemon: pauses, calls made again, streams that go on where they were.

#include "client/retry.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "covey/client/client.h"
#include "tests/client/fake_connection.h"
#include "tests/client/fake_daemon.h"

namespace covey::client {
namespace {

using methods::Repeat;
using std::chrono::milliseconds;

// What a client sees of a daemon that died: UNAVAILABLE without the details of a refusal.
grpc::Status SocketClosed() { return {grpc::StatusCode::UNAVAILABLE, "Socket closed"}; }

Client ConnectQuickly(const FakeDaemon& daemon, const RetryPolicy& policy = kQuick) {
  ConnectOptions options;
  options.retry = policy;
  return Client::Connect(daemon.address(), options).value();
}

TEST(RetryTest, OnlyTheAbsenceOfTheDaemonIsTriedAgain) {
  EXPECT_TRUE(MayTryAgain(Unavailable("UNREACHABLE"), Repeat::kNever));
  EXPECT_TRUE(MayTryAgain(Unavailable("CONNECTION_LOST"), Repeat::kSafe));
  EXPECT_TRUE(MayTryAgain(Unavailable("CONNECTION_LOST"), Repeat::kWithRequestId));
  EXPECT_FALSE(MayTryAgain(Unavailable("CONNECTION_LOST"), Repeat::kNever));
  EXPECT_TRUE(MayTryAgain(Unavailable("SHUTTING_DOWN"), Repeat::kSafe));
  EXPECT_FALSE(MayTryAgain(Unavailable("SHUTTING_DOWN"), Repeat::kNever));
  EXPECT_TRUE(MayTryAgain(Unavailable("STARTING"), Repeat::kNever));
  EXPECT_FALSE(MayTryAgain(Unavailable("DRAINING"), Repeat::kSafe));
  Error refused = Unavailable("CONNECTION_LOST");
  for (const ErrorCode code :
       {ErrorCode::kNotFound, ErrorCode::kInvalidArgument, ErrorCode::kDeadlineExceeded,
        ErrorCode::kCancelled, ErrorCode::kInternal, ErrorCode::kResourceExhausted}) {
    refused.code = code;
    EXPECT_FALSE(MayTryAgain(refused, Repeat::kSafe));
  }
}

TEST(RetryTest, WhatTheDaemonAsksToTryAgainLaterIs) {
  const Error full{.code = ErrorCode::kResourceExhausted,
                   .reason = "NEW_IN_A_LATER_VERSION",
                   .message = "m",
                   .fields = {}};
  EXPECT_FALSE(MayTryAgain(full, Repeat::kSafe));
  EXPECT_TRUE(MayTryAgain(full, Repeat::kSafe, true));
  EXPECT_TRUE(MayTryAgain(full, Repeat::kWithRequestId, true));
  EXPECT_FALSE(MayTryAgain(full, Repeat::kNever, true));
}

TEST(RetryTest, DeadlinesAreAsFarAsTheClockGoes) {
  constexpr auto kNever = Backoff::Clock::time_point::max();
  EXPECT_EQ(DeadlineOf({}), kNever);
  EXPECT_EQ(DeadlineOf({.timeout = std::chrono::nanoseconds::max()}), kNever);
  const auto now = Backoff::Clock::now();
  EXPECT_GE(DeadlineOf({.timeout = std::chrono::hours(1)}), now + std::chrono::hours(1));
  EXPECT_LT(DeadlineOf({.timeout = std::chrono::hours(1)}), now + std::chrono::hours(2));
  EXPECT_GE(DeadlineOf({.timeout = std::chrono::nanoseconds::min()}), now);
}

TEST(BackoffTest, APatienceWithoutEndDoesNotOverflow) {
  Backoff backoff({.patience = std::chrono::nanoseconds::max(),
                   .first_pause = std::chrono::microseconds(1),
                   .longest_pause = std::chrono::microseconds(1)});
  EXPECT_TRUE(backoff.TryAgain());
}

TEST(BackoffTest, PausesGrowUntilThePatienceEnds) {
  Backoff backoff(
      {.patience = milliseconds(50), .first_pause = milliseconds(1), .longest_pause = milliseconds(8)});
  const auto begin = Backoff::Clock::now();
  int attempts = 0;
  while (backoff.TryAgain()) ++attempts;
  EXPECT_GE(attempts, 1);
  EXPECT_LE(attempts, 3 + 100 / 8);  // pauses of at least 0.5, 1, 2 and then 4 ms
  EXPECT_GE(Backoff::Clock::now() - begin, milliseconds(50 - 8));
  backoff.Reset();
  EXPECT_TRUE(backoff.TryAgain());
}

TEST(BackoffTest, APauseIsAsLongAsTheDaemonAsks) {
  Backoff backoff({.patience = milliseconds(200),
                   .first_pause = std::chrono::microseconds(1),
                   .longest_pause = std::chrono::microseconds(1)});
  const auto begin = Backoff::Clock::now();
  EXPECT_TRUE(backoff.TryAgain(Backoff::Clock::time_point::max(), milliseconds(20)));
  EXPECT_GE(Backoff::Clock::now() - begin, milliseconds(20));
  EXPECT_FALSE(backoff.TryAgain(begin + milliseconds(30), milliseconds(20))) << "past the deadline";
  EXPECT_FALSE(backoff.TryAgain(Backoff::Clock::time_point::max(), std::chrono::hours(1)))
      << "past the patience";
  EXPECT_FALSE(backoff.TryAgain(Backoff::Clock::time_point::max(), std::chrono::nanoseconds::max()));
}

TEST(BackoffTest, NeitherPastTheDeadlineNorWithoutPatienceNorWhenStopped) {
  Backoff late(
      {.patience = std::chrono::hours(1), .first_pause = std::chrono::hours(1), .longest_pause = {}});
  EXPECT_FALSE(late.TryAgain(Backoff::Clock::now() + milliseconds(1)));
  Backoff none({.patience = milliseconds(0)});
  EXPECT_FALSE(none.TryAgain());
  Backoff waiting(
      {.patience = std::chrono::hours(3), .first_pause = std::chrono::hours(1), .longest_pause = {}});
  std::thread stop([&] { waiting.Stop(); });
  EXPECT_FALSE(waiting.TryAgain());  // an hour early
  stop.join();
}

TEST(RetryTest, ACallIsMadeAgainUnderTheSameRequestId) {
  FakeDaemon daemon;
  std::vector<std::string> ids;
  daemon.create_group = [&ids](const v1::CreateGroupRequest& request, v1::CreateGroupResponse* answer) {
    ids.push_back(request.request_id());
    if (ids.size() < 3) return SocketClosed();
    answer->mutable_group()->set_id("g");
    return grpc::Status::OK;
  };
  EXPECT_EQ(ConnectQuickly(daemon).CreateGroup({}).value().id(), "g");
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_EQ(ids[0].size(), 32U);
  EXPECT_EQ(ids[1], ids[0]);
  EXPECT_EQ(ids[2], ids[0]);
  v1::CreateGroupRequest own;
  own.set_request_id("mine");
  EXPECT_TRUE(ConnectQuickly(daemon).CreateGroup(own).ok());
  EXPECT_EQ(ids.back(), "mine");
}

// gRPC answers so when a call meets a daemon that is being stopped.
TEST(RetryTest, ACancelThatNobodyAskedForIsALoss) {
  FakeDaemon daemon;
  std::atomic<int> calls = 0;
  daemon.get_group = [&calls](const auto&, auto*) {
    return ++calls == 1 ? grpc::Status(grpc::StatusCode::CANCELLED, "CANCELLED") : grpc::Status::OK;
  };
  EXPECT_TRUE(ConnectQuickly(daemon).GetGroup("g").ok());
  EXPECT_EQ(calls, 2);
  calls = 0;
  daemon.stream_events = [&calls](grpc::ServerContext*, const auto&, auto*) {
    return ++calls == 1 ? grpc::Status(grpc::StatusCode::CANCELLED, "CANCELLED") : grpc::Status::OK;
  };
  EXPECT_TRUE(ConnectQuickly(daemon).StreamEvents({})->Finish().ok());
  EXPECT_EQ(calls, 2);
}

TEST(RetryTest, WhatMayHaveHappenedIsNotDoneTwice) {
  FakeDaemon daemon;
  std::atomic<int> calls = 0;
  daemon.delete_group = [&calls](const auto&, auto*) {
    ++calls;
    return SocketClosed();
  };
  EXPECT_EQ(ConnectQuickly(daemon).DeleteGroup("g").error().reason, "CONNECTION_LOST");
  EXPECT_EQ(calls, 1);
  // The daemon that is there next was not meant.
  daemon.drain = [&calls](const auto&, auto*) {
    ++calls;
    return SocketClosed();
  };
  EXPECT_EQ(ConnectQuickly(daemon).Drain().error().reason, "CONNECTION_LOST");
  EXPECT_EQ(calls, 2);
}

TEST(RetryTest, RefusalsAndTheEndOfThePatienceAreFinal) {
  FakeDaemon daemon;
  std::atomic<int> calls = 0;
  daemon.get_group = [&calls](const v1::GetGroupRequest& request, auto*) {
    ++calls;
    if (request.group_id() == "lost") return SocketClosed();
    return DetailedStatus(grpc::StatusCode::UNAVAILABLE, "the daemon is draining", "DRAINING");
  };
  EXPECT_EQ(ConnectQuickly(daemon).GetGroup("g").error().reason, "DRAINING");
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(ConnectQuickly(daemon, {.patience = milliseconds(0)}).GetGroup("lost").error().reason,
            "CONNECTION_LOST");
  EXPECT_EQ(calls, 2);
  // The timeout is one for all attempts.
  const auto late = ConnectQuickly(daemon).GetGroup("lost", {.timeout = milliseconds(20)});
  EXPECT_FALSE(late.ok());
  EXPECT_GT(calls, 2);
}

TEST(RetryTest, EventsGoOnWhereTheyWere) {
  FakeDaemon daemon;
  std::atomic<int> calls = 0;
  daemon.stream_events = [&calls](grpc::ServerContext*, const v1::StreamEventsRequest& request,
                                  auto* writer) {
    const int call = ++calls;
    v1::StreamEventsResponse message;
    const uint64_t first = request.after() + 1;
    message.add_events()->set_number(first);
    message.add_events()->set_number(first + 1);
    message.set_through(first + 2);  // a third one was filtered out
    if (call == 4) {
      message.mutable_events(1)->set_kind(v1::EVENT_KIND_GROUP_COMPLETED);
    }
    writer->Write(message);
    return SocketClosed();
  };
  v1::StreamEventsRequest request;
  request.set_group_id("g");
  const auto stream = ConnectQuickly(daemon).StreamEvents(request);
  std::vector<uint64_t> numbers;
  for (v1::StreamEventsResponse message; stream->Next(&message);) {
    for (const v1::Event& event : message.events()) numbers.push_back(event.number());
  }
  EXPECT_EQ(numbers, (std::vector<uint64_t>{1, 2, 4, 5, 7, 8, 10, 11}));
  EXPECT_TRUE(stream->Finish().ok());  // the group was complete: nothing is missing
  EXPECT_EQ(calls, 4);
}

TEST(RetryTest, EventsOfManyGroupsGoOnByTheirCursor) {
  FakeDaemon daemon;
  daemon.stream_events = [](grpc::ServerContext*, const v1::StreamEventsRequest& request, auto* writer) {
    v1::StreamEventsResponse message;
    message.set_cursor(request.cursor() + "x");
    writer->Write(message);
    return request.cursor().size() < 3 ? SocketClosed() : grpc::Status::OK;
  };
  const auto stream = ConnectQuickly(daemon).StreamEvents({});
  std::string cursors;
  for (v1::StreamEventsResponse message; stream->Next(&message);) cursors += message.cursor() + " ";
  EXPECT_EQ(cursors, "x xx xxx xxxx ");
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(RetryTest, OutputOfAGroupGoesOnByItsCursor) {
  FakeDaemon daemon;
  daemon.stream_output = [](grpc::ServerContext*, const v1::StreamOutputRequest& request, auto* writer) {
    v1::StreamOutputResponse message;
    message.set_cursor(request.cursor() + "x");
    writer->Write(message);
    return request.cursor().size() < 2 ? SocketClosed() : grpc::Status::OK;
  };
  const auto stream = ConnectQuickly(daemon).StreamOutput({});
  std::string cursors;
  for (v1::StreamOutputResponse message; stream->Next(&message);) cursors += message.cursor() + " ";
  EXPECT_EQ(cursors, "x xx xxx ");
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(RetryTest, OutputGoesOnAtItsOffsetAndAttempt) {
  FakeDaemon daemon;
  std::vector<uint32_t> attempts;
  daemon.read_output = [&attempts](grpc::ServerContext*, const v1::ReadOutputRequest& request, auto* writer) {
    static const std::string text = "0123456789";
    attempts.push_back(request.attempt());
    v1::ReadOutputResponse message;
    message.mutable_chunk()->set_attempt(2);
    message.mutable_chunk()->set_offset(request.offset());
    message.mutable_chunk()->set_data(text.substr(request.offset(), 4));
    message.mutable_chunk()->set_end(request.offset() + 4 >= text.size());
    writer->Write(message);
    return SocketClosed();
  };
  const auto stream = ConnectQuickly(daemon).ReadOutput({});
  std::string read;
  for (v1::ReadOutputResponse message; stream->Next(&message);) read += message.chunk().data();
  EXPECT_EQ(read, "0123456789");
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(attempts, (std::vector<uint32_t>{0, 2, 2}));
}

TEST(RetryTest, ARefusedStreamIsNotMadeAgainAndCancelEndsTheTrying) {
  FakeDaemon daemon;
  std::atomic<int> calls = 0;
  daemon.stream_events = [&calls](grpc::ServerContext*, const v1::StreamEventsRequest& request,
                                  auto* writer) {
    if (request.group_id() == "none") {
      return DetailedStatus(grpc::StatusCode::NOT_FOUND, "there is no group none", "GROUP_NOT_FOUND");
    }
    if (++calls == 1) writer->Write({});
    return SocketClosed();
  };
  Client client = ConnectQuickly(
      daemon,
      {.patience = std::chrono::hours(1), .first_pause = milliseconds(1), .longest_pause = milliseconds(1)});
  v1::StreamEventsRequest request;
  request.set_group_id("none");
  EXPECT_EQ(client.StreamEvents(request)->Finish().error().reason, "GROUP_NOT_FOUND");
  const auto stream = client.StreamEvents({});
  v1::StreamEventsResponse message;
  ASSERT_TRUE(stream->Next(&message));
  std::thread canceller([&] {
    while (calls < 3) std::this_thread::yield();
    stream->Cancel();
  });
  EXPECT_FALSE(stream->Next(&message));
  canceller.join();
  EXPECT_FALSE(stream->Finish().ok());
}

}  // namespace
}  // namespace covey::client
