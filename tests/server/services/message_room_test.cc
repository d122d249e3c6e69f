// Requests in flight are bounded in bytes before they are parsed.

#include "server/services/message_room.h"

#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "tests/server/services/services_testing.h"

namespace covey::testing {
namespace {

const std::string kCreate = "/covey.v1.GroupService/CreateGroup";
const std::string kCancel = "/covey.v1.GroupService/CancelGroup";
const std::string kStream = "/covey.v1.GroupService/SubmitTaskStream";

constexpr size_t kLimit = size_t{1} << 20;

v1::CreateGroupRequest Large(const std::string& id) {
  v1::CreateGroupRequest request;
  request.set_group_id(id);
  SetTask(request.add_tasks());
  request.mutable_tasks(0)->mutable_function()->mutable_payload()->set_data(std::string(kLimit / 2, 'x'));
  return request;
}

class MessageRoomTest : public ::testing::Test {
 protected:
  std::shared_ptr<Budget> requests_ = Budget::New("requests", {.bytes = kLimit});
  std::optional<Reservation> others_ = requests_->ReserveAnyway({.bytes = kLimit});
};

TEST_F(MessageRoomTest, ALargeRequestWaitsForRoomAndASmallOneDoesNot) {
  ServicesWorld world({.requests = requests_});
  world.world().Make(0, /*seal=*/false);
  std::future<edge::RawClient::Answer> large =
      std::async(std::launch::async, [&] { return world.Call(kCreate, Large("large")); });
  ASSERT_TRUE(Eventually([&] { return !world.stats().open().empty(); }));
  v1::CancelGroupRequest cancel;
  cancel.set_group_id("g");
  EXPECT_TRUE(world.Call(kCancel, cancel).status.ok());
  EXPECT_EQ(large.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  EXPECT_FALSE(world.world().Find("large").ok());
  others_.reset();
  EXPECT_TRUE(large.get().status.ok());
  EXPECT_TRUE(world.world().Find("large").ok());
  EXPECT_TRUE(Eventually([&] { return requests_->usage().used.bytes == 0; }));
}

// Few are received at a time: what is behind them is not in memory. What cannot be large needs no turn.
TEST_F(MessageRoomTest, RequestsThatCarryTasksAreReceivedInTheirTurn) {
  ServicesWorld world({.requests = requests_});
  world.world().Make(0, /*seal=*/false);
  std::vector<std::future<edge::RawClient::Answer>> answers;
  const auto begin = [&](const v1::CreateGroupRequest& request) {
    answers.push_back(std::async(std::launch::async, [&, request] { return world.Call(kCreate, request); }));
    const auto open = [&] {
      const std::vector<CallStats::Open> all = world.stats().open();
      return all.empty() ? 0 : all.front().calls;
    };
    ASSERT_TRUE(Eventually([&] { return open() == answers.size(); }));
  };
  for (size_t i = 0; i < edge::ReadGate::kPlaces; ++i) begin(Large("large-" + std::to_string(i)));
  v1::CreateGroupRequest small;
  small.set_group_id("small");
  begin(small);
  v1::CancelGroupRequest cancel;
  cancel.set_group_id("g");
  EXPECT_TRUE(world.Call(kCancel, cancel).status.ok());
  EXPECT_FALSE(world.world().Find("small").ok());
  others_.reset();
  for (auto& answer : answers) EXPECT_TRUE(answer.get().status.ok());
  EXPECT_TRUE(world.world().Find("small").ok());
  EXPECT_TRUE(Eventually([&] { return requests_->usage().used.bytes == 0; }));
}

TEST_F(MessageRoomTest, ACallWithoutARequestIsRefused) {
  ServicesWorld world;
  const edge::RawClient::Answer answer = world.CallRaw(kCreate, {});
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(answer.status), "MALFORMED_MESSAGE");
}

TEST_F(MessageRoomTest, WithoutRoomARequestIsRefused) {
  ServicesWorld world({.requests = requests_, .request_patience = std::chrono::milliseconds(1)});
  const edge::RawClient::Answer answer = world.Call(kCreate, Large("large"));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(answer.status), "REQUESTS_FULL");
  EXPECT_NE(answer.status.error_message().find("1048576 of 1048576 bytes (max_request_memory)"),
            std::string::npos)
      << answer.status.error_message();
  EXPECT_FALSE(world.world().Find("large").ok());
}

// Whatever the patience: it is not read meanwhile, as while the queue is full.
TEST_F(MessageRoomTest, AMessageOfAStreamWaits) {
  ServicesWorld world({.requests = requests_, .request_patience = std::chrono::milliseconds(1)});
  world.world().Make(0, /*seal=*/false);
  v1::SubmitTaskStreamRequest message;
  message.set_group_id("g");
  message.set_number(1);
  *message.mutable_tasks() = Large("").tasks();
  std::future<edge::RawClient::Answer> answer =
      std::async(std::launch::async, [&] { return world.Call(kStream, message); });
  ASSERT_TRUE(Eventually([&] { return !world.stats().open().empty(); }));
  EXPECT_EQ(answer.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  EXPECT_EQ(world.world().Find("g").value()->task_count(), 0u);
  others_.reset();
  EXPECT_TRUE(answer.get().status.ok());
  EXPECT_EQ(world.world().Find("g").value()->task_count(), 1u);
  EXPECT_TRUE(Eventually([&] { return requests_->usage().used.bytes == 0; }));
}

}  // namespace
}  // namespace covey::testing
