#include "server/services/dispatcher.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/server/services/services_testing.h"

namespace covey::testing {
namespace {

using edge::Bytes;
using edge::RawClient;
using methods::Named;

const std::string kGet = "/covey.v1.GroupService/GetGroup";
const std::string kInfo = "/covey.v1.AdminService/GetServerInfo";
const std::string kReload = "/covey.v1.AdminService/Reload";
const std::string kWait = "/covey.v1.GroupService/WaitGroup";
const std::string kEvents = "/covey.v1.EventService/StreamEvents";

v1::GetGroupRequest GetRequest(const std::string& id) {
  v1::GetGroupRequest request;
  request.set_group_id(id);
  return request;
}
v1::WaitGroupRequest WaitRequest(const std::string& id) {
  v1::WaitGroupRequest request;
  request.set_group_id(id);
  return request;
}

TEST(DispatcherTest, EachStepHasItsAnswerAndIsCounted) {
  ServicesWorld world;
  world.world().Make(0, /*seal=*/false);
  RawClient::Answer answer = world.Call(kGet, GetRequest("g"));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  v1::GetGroupResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.messages.at(0)));
  EXPECT_EQ(response.group().id(), "g");

  answer = world.CallRaw(kGet, {Bytes("\x0a\x02\xff\xff")});  // not UTF-8
  EXPECT_EQ(ReasonOf(answer.status), "MALFORMED_MESSAGE");
  answer = world.Call(kGet, GetRequest(""));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(answer.status), "BAD_REQUEST");
  answer = world.Call(kGet, GetRequest("no-such-group"));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(answer.status), "GROUP_NOT_FOUND");

  EXPECT_EQ(EndedWith(world.stats(), kGet, grpc::StatusCode::OK), 1u);
  EXPECT_EQ(EndedWith(world.stats(), kGet, grpc::StatusCode::INVALID_ARGUMENT), 2u);
  EXPECT_EQ(EndedWith(world.stats(), kGet, grpc::StatusCode::NOT_FOUND), 1u);
  EXPECT_TRUE(world.stats().open().empty());
  const std::vector<std::string> logged = world.logged();  // not of what is not there: that is an answer
  ASSERT_EQ(logged.size(), 2u);
  EXPECT_TRUE(logged[0].starts_with("info a call was refused method=GroupService/GetGroup caller=unix:"))
      << logged[0];
  EXPECT_TRUE(logged[0].ends_with(" reason=MALFORMED_MESSAGE")) << logged[0];
  EXPECT_TRUE(logged[1].ends_with(" reason=BAD_REQUEST fields=group_id")) << logged[1];
}

using InfoCall = edge::Unary<v1::GetServerInfoRequest, v1::GetServerInfoResponse>;
using ReloadCall = edge::Unary<v1::ReloadRequest, v1::ReloadResponse>;

Handled ThrowLater(CallContext&, InfoCall& call) {
  co_await call.Sleep(std::chrono::milliseconds(1));
  throw std::runtime_error("later");
}
Handled ThrowAtOnce(CallContext&, ReloadCall&) { throw std::runtime_error("before there is a coroutine"); }

TEST(DispatcherTest, AHandlerThatThrowsIsAnInternalErrorAndCounted) {
  ServicesWorld world({.add = [](Dispatcher& dispatcher) {
    dispatcher.Add(Named("/covey.v1.AdminService/GetServerInfo"), ThrowLater);
    dispatcher.Add(Named("/covey.v1.AdminService/Reload"), ThrowAtOnce);
    EXPECT_FALSE(dispatcher.complete());
  }});
  size_t lines = 0;
  for (const std::string& method : {kInfo, kReload}) {
    const RawClient::Answer answer = world.CallRaw(method, {Bytes("")});
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INTERNAL) << method;
    EXPECT_EQ(answer.status.error_message(), "internal error");
    EXPECT_EQ(EndedWith(world.stats(), method, grpc::StatusCode::INTERNAL), 1u) << method;
    ASSERT_EQ(world.errors().size(), ++lines);
    EXPECT_NE(world.errors().back().find(method), std::string::npos) << world.errors().back();
  }
  EXPECT_TRUE(world.stats().open().empty());
}

TEST(DispatcherTest, TellsSlowCallsButNotWaitsAndStreams) {
  ServicesWorld world({.slow = std::chrono::nanoseconds(0)});  // everything is slow
  world.world().Make(0);                                       // over at once
  EXPECT_TRUE(world.Call(kWait, WaitRequest("g")).status.ok());
  v1::StreamEventsRequest events;
  events.set_group_id("g");
  EXPECT_TRUE(world.Call(kEvents, events).status.ok());
  EXPECT_TRUE(world.logged().empty()) << world.logged()[0];
  EXPECT_TRUE(world.Call(kGet, GetRequest("g")).status.ok());
  ASSERT_EQ(world.logged().size(), 1u);
  EXPECT_TRUE(
      world.logged()[0].starts_with("warning a call was slow method=GroupService/GetGroup caller=unix:"))
      << world.logged()[0];
  EXPECT_TRUE(world.logged()[0].ends_with(" code=0")) << world.logged()[0];
}

// Keys of an environment and values may be secrets.
TEST(DispatcherTest, ARefusedRequestIsToldByTheNamesOfItsFields) {
  ServicesWorld world;
  v1::CreateGroupRequest request;
  v1::ProcessSpec& process = *request.add_tasks()->mutable_process();
  process.add_argv("true");
  (*process.mutable_env())["KEY=secret"] = "value";
  process.set_working_dir("another secret");
  EXPECT_EQ(ReasonOf(world.Call("/covey.v1.GroupService/CreateGroup", request).status), "BAD_REQUEST");
  ASSERT_EQ(world.logged().size(), 1u);
  EXPECT_TRUE(world.logged()[0].ends_with(
      " reason=BAD_REQUEST fields=\"tasks[0].process.env, tasks[0].process.working_dir\""))
      << world.logged()[0];
}

TEST(DispatcherTest, AWaitWhoseDeadlinePassesIsCountedAndWithdrawn) {
  ServicesWorld world;
  const auto group = world.world().Make(0, /*seal=*/false);
  // On a busy machine the time may be over before the call has come in: then there is nothing to count.
  EXPECT_TRUE(Eventually([&] {
    const RawClient::Answer answer =
        RawClient(world.address())
            .Call(kWait, {Bytes(WaitRequest("g").SerializeAsString())}, std::chrono::milliseconds(100));
    EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    return EndedWith(world.stats(), kWait, grpc::StatusCode::DEADLINE_EXCEEDED) > 0;
  }));
  EXPECT_TRUE(Eventually([&] { return !group->watched(); }));  // the wait was withdrawn
}

// Clients know the reason, and make the call again.
TEST(DispatcherTest, ACallThatTheStopEndsSaysSo) {
  ServicesWorld world;
  const auto group = world.world().Make(0, /*seal=*/false);
  RawClient::Answer answer;
  std::thread calling([&] { answer = world.Call(kWait, WaitRequest("g")); });
  EXPECT_TRUE(Eventually([&] { return group->watched(); }));
  world.Stop();
  calling.join();
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(answer.status.error_message(), "the server is shutting down");
  EXPECT_EQ(ReasonOf(answer.status), "SHUTTING_DOWN");
  EXPECT_EQ(EndedWith(world.stats(), kWait, grpc::StatusCode::UNAVAILABLE), 1u);
}

TEST(DispatcherTest, ServesEveryMethodOfEveryService) {
  EXPECT_EQ(ServiceNames(), (std::vector<std::string>{"covey.v1.AdminService", "covey.v1.EventService",
                                                      "covey.v1.GroupService", "covey.v1.PoolService",
                                                      "covey.v1.TaskService"}));
  const ServicesWorld world;  // its start would end the program otherwise
}

}  // namespace
}  // namespace covey::testing
