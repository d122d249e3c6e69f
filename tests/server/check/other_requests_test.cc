#include <gtest/gtest.h>

#include "tests/server/check/expect.h"

namespace covey {
namespace {

template <typename Request>
Request TaskKey(const std::string& group, const std::string& task) {
  Request request;
  request.set_group_id(group);
  request.set_task(task);
  return request;
}

template <typename Request>
void ExpectTaskKeyRules() {
  EXPECT_FINE(TaskKey<Request>("g", "t"));
  EXPECT_FINE(TaskKey<Request>("g", "unit tests/a:b@c+d"));
  EXPECT_FINE(TaskKey<Request>("g", std::string(128, 't')));
  EXPECT_WRONG("group_id", "group_id is required", TaskKey<Request>("", "t"));
  EXPECT_WRONG("task", "task is required", TaskKey<Request>("g", ""));
  EXPECT_WRONG_FIELD("group_id", TaskKey<Request>("g/", "t"));
  EXPECT_WRONG_FIELD("task", TaskKey<Request>("g", "/t"));
  EXPECT_WRONG_FIELD("task", TaskKey<Request>("g", std::string(129, 't')));
}

TEST(TaskRequests, KeysAreChecked) {
  ExpectTaskKeyRules<v1::GetTaskRequest>();
  ExpectTaskKeyRules<v1::WaitTaskRequest>();
  ExpectTaskKeyRules<v1::CancelTaskRequest>();
  ExpectTaskKeyRules<v1::ReadOutputRequest>();
}

TEST(TaskRequests, Reasons) {
  auto request = TaskKey<v1::CancelTaskRequest>("g", "t");
  request.set_reason(std::string(1024, 'r'));
  EXPECT_FINE(request);
  request.set_reason(std::string(1025, 'r'));
  EXPECT_WRONG_FIELD("reason", request);
}

TEST(TaskRequests, Lists) {
  v1::ListTasksRequest request;
  EXPECT_WRONG("group_id", "group_id is required", request);
  request.set_group_id("g");
  EXPECT_FINE(request);
  for (const int size : {1, 1000}) {
    request.set_page_size(size);
    EXPECT_FINE(request);
  }
  for (const int size : {-1, 1001}) {
    request.set_page_size(size);
    EXPECT_WRONG_FIELD("page_size", request);
  }
  request.set_page_size(0);
  request.set_page_token(std::string(1025, 't'));
  EXPECT_WRONG_FIELD("page_token", request);
  request.clear_page_token();
  request.add_states(v1::TASK_STATE_STOPPED);
  EXPECT_FINE(request);
  request.add_states(v1::TASK_STATE_UNSPECIFIED);
  EXPECT_WRONG_FIELD("states[1]", request);
  request.set_states(1, static_cast<v1::TaskState>(-1));
  EXPECT_WRONG_FIELD("states[1]", request);
  request.clear_states();
  for (int n = 0; n < 64; ++n) request.add_states(v1::TASK_STATE_STOPPED);
  EXPECT_FINE(request);
  request.add_states(v1::TASK_STATE_STOPPED);
  EXPECT_WRONG("states", "states must have at most 64 entries, got 65", request);
}

TEST(TaskRequests, Streams) {
  auto request = TaskKey<v1::ReadOutputRequest>("g", "t");
  request.set_offset(UINT64_MAX);
  request.set_attempt(UINT32_MAX);
  for (const v1::OutputStream stream :
       {v1::OUTPUT_STREAM_UNSPECIFIED, v1::OUTPUT_STREAM_STDOUT, v1::OUTPUT_STREAM_STDERR}) {
    request.set_stream(stream);
    EXPECT_FINE(request);
  }
  request.set_stream(static_cast<v1::OutputStream>(3));
  EXPECT_WRONG("stream", "stream must be a known value, got 3", request);
  v1::StreamOutputRequest group;
  EXPECT_WRONG("group_id", "group_id is required", group);
  group.set_group_id("g");
  group.set_cursor("any bytes");
  EXPECT_FINE(group);
  group.set_stream(v1::OUTPUT_STREAM_STDERR);
  EXPECT_FINE(group);
  group.set_stream(static_cast<v1::OutputStream>(3));
  EXPECT_WRONG("stream", "stream must be a known value, got 3", group);
}

template <typename Request>
Request PoolRequest(const std::string& name, uint32_t max) {
  Request request;
  request.set_name(name);
  request.mutable_spec()->set_max(max);
  return request;
}

template <typename Request>
void ExpectPoolRules() {
  EXPECT_FINE(PoolRequest<Request>("default", 1));
  EXPECT_FINE(PoolRequest<Request>(std::string(128, 'p'), 65536));
  EXPECT_WRONG("spec.max", "max must be 1..65536, got 0", PoolRequest<Request>("p", 0));
  EXPECT_WRONG("spec.max", "max must be 1..65536, got 65537", PoolRequest<Request>("p", 65537));
  EXPECT_WRONG("name", "name is required", PoolRequest<Request>("", 1));
  EXPECT_WRONG_FIELD("name", PoolRequest<Request>(std::string(129, 'p'), 1));
  EXPECT_WRONG_FIELD("name", PoolRequest<Request>("a b", 1));
}

TEST(PoolRequests, AnUpdateNamesFieldsOfTheSpec) {
  auto request = PoolRequest<v1::UpdatePoolRequest>("p", 2);
  for (const char* path : {"max", "*"}) {
    request.mutable_update_mask()->clear_paths();
    request.mutable_update_mask()->add_paths(path);
    EXPECT_FINE(request);
    request.mutable_spec()->set_max(0);
    EXPECT_WRONG_FIELD("spec.max", request);
    request.mutable_spec()->set_max(2);
  }
  request.mutable_update_mask()->add_paths("name");
  EXPECT_WRONG("update_mask", "update_mask must name fields of spec (max), or \"*\", got \"name\"", request);
  request.mutable_update_mask()->clear_paths();
  for (int i = 0; i < 65; ++i) request.mutable_update_mask()->add_paths("max");
  EXPECT_WRONG("update_mask", "update_mask must have at most 64 paths, got 65", request);
  v1::UpdatePoolRequest bare;
  bare.set_name("p");
  EXPECT_WRONG("spec", "spec is required", bare);
  v1::CreatePoolRequest create;
  create.set_name("p");
  EXPECT_WRONG("spec", "spec is required", create);
}

TEST(PoolRequests, Pages) {
  v1::ListPoolsRequest request;
  request.set_page_size(1000);
  EXPECT_FINE(request);
  request.set_page_size(1001);
  EXPECT_WRONG("page_size", "page_size must be 1..1000, got 1001", request);
  request.set_page_size(1);
  request.set_page_token(std::string(1025, 't'));
  EXPECT_WRONG_FIELD("page_token", request);
}

TEST(EventRequests, AStartIsOfAllGroups) {
  v1::StreamEventsRequest request;
  request.set_latest(true);
  EXPECT_FINE(request);
  request.set_group_id("g");
  EXPECT_WRONG("latest", "latest must not be set with group_id", request);
  request.mutable_time()->set_seconds(1);
  EXPECT_WRONG("time", "time must not be set with group_id", request);
  request.clear_group_id();
  EXPECT_FINE(request);
  request.mutable_time()->set_nanos(-1);
  EXPECT_WRONG_FIELD("time", request);
}

TEST(PoolRequests, NamesAndBounds) {
  ExpectPoolRules<v1::CreatePoolRequest>();
  ExpectPoolRules<v1::UpdatePoolRequest>();
  v1::GetPoolRequest get;
  EXPECT_WRONG("name", "name is required", get);
  get.set_name("p");
  EXPECT_FINE(get);
  v1::ClosePoolRequest close;
  EXPECT_WRONG("name", "name is required", close);
  close.set_name("p");
  EXPECT_FINE(close);
}

TEST(EventRequests, OneGroupOrACursor) {
  v1::StreamEventsRequest request;
  EXPECT_FINE(request);
  request.set_cursor("cursor");
  (*request.mutable_labels())["k"] = "v";
  EXPECT_FINE(request);
  request.set_after(1);
  EXPECT_WRONG("after", "after must not be set without group_id", request);
  request.clear_after();
  request.set_group_id("g");
  EXPECT_EQ(Check(request).size(), 2u) << Told(Check(request));
  request.clear_labels();
  EXPECT_WRONG("cursor", "cursor must not be set with group_id", request);
  request.clear_cursor();
  request.set_after(UINT64_MAX);
  EXPECT_FINE(request);
  (*request.mutable_labels())["k"] = "v";
  EXPECT_WRONG("labels", "labels must not be set with group_id", request);
  request.clear_labels();
  request.set_group_id("/");
  EXPECT_WRONG_FIELD("group_id", request);
}

TEST(EventRequests, CursorsAndKinds) {
  v1::StreamEventsRequest request;
  request.set_cursor(std::string(1024, 'c'));
  EXPECT_FINE(request);
  request.set_cursor(std::string(1025, 'c'));
  EXPECT_WRONG_FIELD("cursor", request);
  request.clear_cursor();
  request.add_kinds(v1::EVENT_KIND_GROUP_CREATED);
  request.add_kinds(v1::EVENT_KIND_GROUP_COMPLETED);
  EXPECT_FINE(request);
  request.add_kinds(v1::EVENT_KIND_UNSPECIFIED);
  EXPECT_WRONG("kinds[2]", "kinds must be a known value, got UNSPECIFIED", request);
  request.set_kinds(2, static_cast<v1::EventKind>(12));
  EXPECT_WRONG("kinds[2]", "kinds must be a known value, got 12", request);
  request.clear_kinds();
  for (int n = 0; n < 64; ++n) request.add_kinds(v1::EVENT_KIND_GROUP_CREATED);
  EXPECT_FINE(request);
  request.add_kinds(v1::EVENT_KIND_GROUP_CREATED);
  EXPECT_WRONG("kinds", "kinds must have at most 64 entries, got 65", request);
}

TEST(EmptyRequests, AreFine) {
  EXPECT_FINE(v1::ListPoolsRequest());
  EXPECT_FINE(v1::GetServerInfoRequest());
  EXPECT_FINE(v1::DrainRequest());
  EXPECT_FINE(v1::UndrainRequest());
  EXPECT_FINE(v1::ReloadRequest());
  v1::ExplainRequest explain;
  EXPECT_WRONG("group_id", "group_id is required", explain);
  explain.set_group_id("g");
  EXPECT_FINE(explain);
  explain.set_task("a task");
  EXPECT_FINE(explain);
  explain.set_task(std::string(129, 't'));
  EXPECT_WRONG_FIELD("task", explain);
}

}  // namespace
}  // namespace covey
