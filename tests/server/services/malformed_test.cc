// Messages that cannot be parsed, sent to every method of the contract over a real socket.

#include <gtest/gtest.h>

#include "tests/server/services/services_testing.h"

namespace covey::testing {
namespace {

using edge::Bytes;
using edge::RawClient;

// Not protobuf; a field that ends too early.
const std::string kMalformed[] = {"\xff\xff\xff\xff", "\x0a\x7fshort"};

TEST(MalformedTest, IsAnInvalidArgumentOfEveryMethodAndNamesTheType) {
  ServicesWorld world;
  RawClient client(world.address());
  for (const methods::Method& method : methods::kMethods) {
    const std::string name(method.name);
    const std::string type = "covey.v1." + name.substr(name.rfind('/') + 1) + "Request";
    for (const std::string& bytes : kMalformed) {
      const RawClient::Answer answer = client.Call(name, {Bytes(bytes)});
      EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << name;
      EXPECT_NE(answer.status.error_message().find(type), std::string::npos) << answer.status.error_message();
      EXPECT_EQ(ReasonOf(answer.status), "MALFORMED_MESSAGE") << name;
      EXPECT_TRUE(answer.messages.empty()) << name;
    }
    EXPECT_EQ(EndedWith(world.stats(), method.name, grpc::StatusCode::INVALID_ARGUMENT), 2u) << name;
  }
}

v1::RunGroupRequest FirstMessage() {
  v1::RunGroupRequest request;
  request.mutable_options()->set_group_id("g");
  SetTask(request.add_tasks());
  return request;
}

TEST(MalformedTest, ALaterMessageOfRunGroupCancelsItsGroup) {
  ServicesWorld world;
  v1::RunGroupRequest third;
  SetTask(third.add_tasks());
  const RawClient::Answer answer = world.CallRaw(
      "/covey.v1.GroupService/RunGroup",
      {Bytes(FirstMessage().SerializeAsString()), Bytes("\x0a\x7fshort"), Bytes(third.SerializeAsString())});
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(answer.status), "MALFORMED_MESSAGE");
  const auto group = world.world().Find("g").value();
  EXPECT_EQ(group->task_count(), 1u);
  // It was cancelled, not sealed: its task is told to stop.
  ASSERT_TRUE(Eventually([&] { return world.world().executor->stopped("0.1").has_value(); }));
  EXPECT_EQ(PhaseOf(group->View().state), GroupPhase::kStopping);
  world.world().executor->ExitAll();
  EXPECT_EQ(PhaseOf(group->View().state), GroupPhase::kCancelled);
  EXPECT_TRUE(group->View().failure->message.starts_with("the call ended: message 2: a message of "))
      << group->View().failure->message;
}

TEST(MalformedTest, ALaterMessageOfSubmitTaskStreamIsNamed) {
  ServicesWorld world;
  const auto group = world.world().Make(0, /*seal=*/false);
  v1::SubmitTaskStreamRequest first;
  first.set_group_id("g");
  first.set_number(1);
  SetTask(first.add_tasks());
  v1::SubmitTaskStreamRequest third;
  third.set_number(2);
  SetTask(third.add_tasks());
  const RawClient::Answer answer = world.CallRaw(
      "/covey.v1.GroupService/SubmitTaskStream",
      {Bytes(first.SerializeAsString()), Bytes("\x0a\x7fshort"), Bytes(third.SerializeAsString())});
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(answer.status), "MALFORMED_MESSAGE");
  EXPECT_TRUE(
      answer.status.error_message().starts_with("message 2: a message of 7 bytes must be a valid "
                                                "covey.v1.SubmitTaskStreamRequest"))
      << answer.status.error_message();
  EXPECT_TRUE(answer.status.error_message().ends_with("; those before it were accepted"));
  EXPECT_EQ(group->task_count(), 1u);  // neither the second nor the third
}

// One that can be parsed and is refused: the response names the last message that was accepted.
TEST(MalformedTest, ARefusedMessageOfSubmitTaskStreamIsAResponse) {
  ServicesWorld world;
  world.world().Make(0, /*seal=*/false);
  v1::SubmitTaskStreamRequest first;
  first.set_group_id("g");
  first.set_number(1);
  SetTask(first.add_tasks());
  v1::SubmitTaskStreamRequest second;
  second.set_number(4711);
  SetTask(second.add_tasks());
  const RawClient::Answer answer =
      world.CallRaw("/covey.v1.GroupService/SubmitTaskStream",
                    {Bytes(first.SerializeAsString()), Bytes(second.SerializeAsString())});
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_EQ(answer.messages.size(), 1u);
  v1::SubmitTaskStreamResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.messages[0]));
  EXPECT_EQ(response.last_number(), 1u);
  EXPECT_EQ(response.count(), 1u);
  EXPECT_EQ(response.failure().kind(), v1::FAILURE_KIND_REJECTED);
  EXPECT_TRUE(response.failure().message().starts_with("message 2: number: number must be 2"))
      << response.failure().message();
}

}  // namespace
}  // namespace covey::testing
