#include <gtest/gtest.h>

#include "tests/server/check/expect.h"

namespace covey {
namespace {

template <typename Request>
void ExpectIdRules(Request request, bool required) {
  for (const char* id : {"a", "0", "018f3c2e-7b6a-7000-8000-000000000000", "a.b_c-d"}) {
    request.set_group_id(id);
    EXPECT_FINE(request);
  }
  for (const char* id : {"-a", ".a", "..", "_a", "a/b", "a b", "a:b", "\xC3\xA4", "a\n"}) {
    request.set_group_id(id);
    EXPECT_WRONG_FIELD("group_id", request);
  }
  request.set_group_id(std::string(128, 'g'));
  EXPECT_FINE(request);
  request.set_group_id(std::string(129, 'g'));
  EXPECT_WRONG("group_id", "group_id must have 1..128 characters, got 129", request);
  request.set_group_id("");
  if (required) {
    EXPECT_WRONG("group_id", "group_id is required", request);
  } else {
    EXPECT_FINE(request);
  }
}

v1::TaskSpec Task(const std::string& name = "") {
  v1::TaskSpec task;
  task.set_name(name);
  task.mutable_function()->set_name("covey.noop");
  return task;
}

TEST(GroupRequests, IdsAreChecked) {
  ExpectIdRules(v1::CreateGroupRequest(), false);
  ExpectIdRules(v1::SealGroupRequest(), true);
  ExpectIdRules(v1::WaitGroupRequest(), true);
  ExpectIdRules(v1::CancelGroupRequest(), true);
  ExpectIdRules(v1::GetGroupRequest(), true);
  ExpectIdRules(v1::DeleteGroupRequest(), true);
  v1::SubmitTasksRequest submit;
  *submit.add_tasks() = Task();
  ExpectIdRules(submit, true);
}

TEST(GroupRequests, RequestIds) {
  v1::CreateGroupRequest create;
  create.set_request_id(std::string(128, 'r'));
  EXPECT_FINE(create);
  create.set_request_id(std::string(129, 'r'));
  EXPECT_WRONG("request_id", "request_id must have at most 128 characters, got 129", create);
  v1::SubmitTasksRequest submit;
  submit.set_group_id("g");
  *submit.add_tasks() = Task();
  submit.set_request_id(std::string(128, 'r'));
  EXPECT_FINE(submit);
  submit.set_request_id(std::string(129, 'r'));
  EXPECT_WRONG_FIELD("request_id", submit);
}

TEST(GroupRequests, ASubmitHasTasks) {
  v1::SubmitTasksRequest request;
  request.set_group_id("g");
  EXPECT_WRONG("tasks", "tasks must have 1..10000 entries, got 0", request);
  *request.add_tasks() = Task();
  EXPECT_FINE(request);
  *request.add_tasks() = Task("a");
  EXPECT_FINE(request);
  *request.add_tasks() = Task("a");
  EXPECT_WRONG_FIELD("tasks[2].name", request);
}

TEST(GroupRequests, WhatABadTaskDoesIsOneOfTheKnown) {
  v1::RunGroupRequest request;
  for (const v1::OnInvalid known :
       {v1::ON_INVALID_UNSPECIFIED, v1::ON_INVALID_CANCEL, v1::ON_INVALID_REFUSE}) {
    request.mutable_options()->set_on_invalid(known);
    EXPECT_FINE(request, true);
  }
  request.mutable_options()->set_on_invalid(static_cast<v1::OnInvalid>(3));
  const Violations bad = Check(request, true);
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].field, "options.on_invalid");
}

TEST(GroupRequests, ATaskByItselfIsNamedFromThere) {
  v1::RunGroupRequest request;
  request.mutable_options();
  request.add_tasks()->mutable_process();
  EXPECT_TRUE(CheckWithoutTasks(request, true).empty());
  const Violations bad = Check(request.tasks(0));
  ASSERT_EQ(bad.size(), 1u);
  EXPECT_EQ(bad[0].field, "process.argv");
  for (size_t i = 0; i < kMaxTasksPerMessage; ++i) request.add_tasks();
  EXPECT_EQ(CheckWithoutTasks(request, true).at(0).field, "tasks") << "there are too many of them";
}

TEST(GroupRequests, RunGroupHasOptionsFirstAndOnlyThen) {
  v1::RunGroupRequest request;
  *request.add_tasks() = Task();
  EXPECT_FINE(request, false);
  EXPECT_WRONG("options", "options is required in the first message", request, true);
  request.mutable_options();
  EXPECT_FINE(request, true);
  EXPECT_WRONG("options", "options must not be set after the first message", request, false);
  request.mutable_options()->set_group_id("-");
  EXPECT_WRONG_FIELD("options.group_id", request, true);
  request.mutable_options()->set_group_id("");
  request.mutable_options()->mutable_spec()->set_limit(70000);
  EXPECT_WRONG("options.spec.limit", "limit must be 0..65536, got 70000", request, true);
  request.mutable_options()->mutable_spec()->set_limit(0);
  request.clear_tasks();
  EXPECT_FINE(request, true);
  EXPECT_FINE(v1::RunGroupRequest(), false);
  *request.add_tasks() = Task("-");
  *request.add_tasks() = Task();
  EXPECT_WRONG_FIELD("tasks[0].name", request, true);
}

TEST(GroupRequests, MessagesOfAStreamAreNumbered) {
  v1::SubmitTaskStreamRequest request;
  request.set_group_id("g");
  request.set_number(1);
  *request.add_tasks() = Task();
  EXPECT_FINE(request, 1);
  request.set_number(3);
  EXPECT_WRONG("number", "number must be 2, got 3", request, 2);
  EXPECT_FINE(request, 3);
  request.clear_group_id();
  EXPECT_FINE(request, 3);
  request.set_number(1);
  EXPECT_WRONG("group_id", "group_id is required", request, 1);
  request.set_group_id("-");
  request.set_number(2);
  EXPECT_WRONG_FIELD("group_id", request, 2);
  request.set_group_id("g");
  request.set_request_id(std::string(129, 'r'));
  EXPECT_WRONG("request_id", "request_id must have at most 128 characters, got 129", request, 2);
  request.set_request_id(std::string(128, 'r'));
  EXPECT_FINE(request, 2);
  request.clear_tasks();
  EXPECT_WRONG_FIELD("tasks", request, 2);
}

template <typename Request>
void ExpectWaitRules(Request request) {
  EXPECT_FINE(request);
  request.mutable_timeout();
  EXPECT_FINE(request);
  request.mutable_timeout()->set_seconds(315'576'000);
  EXPECT_FINE(request);
  request.mutable_timeout()->set_nanos(1);
  EXPECT_WRONG_FIELD("timeout", request);
  request.mutable_timeout()->set_seconds(-1);
  request.mutable_timeout()->set_nanos(0);
  EXPECT_WRONG("timeout", "timeout must be 0 s .. 315576000 s, got -1 s", request);
}

TEST(Requests, ThatWaitHaveABound) {
  v1::WaitGroupRequest wait_group;
  wait_group.set_group_id("g");
  ExpectWaitRules(wait_group);
  v1::CancelGroupRequest cancel_group;
  cancel_group.set_group_id("g");
  ExpectWaitRules(cancel_group);
  v1::WaitTaskRequest wait_task;
  wait_task.set_group_id("g");
  wait_task.set_task("t");
  ExpectWaitRules(wait_task);
  v1::CancelTaskRequest cancel_task;
  cancel_task.set_group_id("g");
  cancel_task.set_task("t");
  ExpectWaitRules(cancel_task);
  ExpectWaitRules(v1::DrainRequest());
  v1::ClosePoolRequest close;
  close.set_name("p");
  ExpectWaitRules(close);
}

template <typename Request>
void ExpectViewRules(Request request) {
  for (const v1::View view : {v1::VIEW_UNSPECIFIED, v1::VIEW_BASIC, v1::VIEW_FULL}) {
    request.set_view(view);
    EXPECT_FINE(request);
  }
  request.set_view(static_cast<v1::View>(3));
  EXPECT_WRONG("view", "view must be a known value, got 3", request);
}

TEST(Requests, AskForKnownViews) {
  v1::GetGroupRequest get_group;
  get_group.set_group_id("g");
  ExpectViewRules(get_group);
  ExpectViewRules(v1::ListGroupsRequest());
  v1::GetTaskRequest get_task;
  get_task.set_group_id("g");
  get_task.set_task("t");
  ExpectViewRules(get_task);
  v1::ListTasksRequest list_tasks;
  list_tasks.set_group_id("g");
  ExpectViewRules(list_tasks);
}

TEST(GroupRequests, Reasons) {
  v1::CancelGroupRequest request;
  request.set_group_id("g");
  request.set_reason(std::string(1024, 'r'));
  EXPECT_FINE(request);
  request.set_reason(std::string(1025, 'r'));
  EXPECT_WRONG("reason", "reason must have at most 1024 characters, got 1025", request);
}

TEST(GroupRequests, Lists) {
  v1::ListGroupsRequest request;
  EXPECT_FINE(request);
  for (const int size : {0, 1, 1000}) {
    request.set_page_size(size);
    EXPECT_FINE(request);
  }
  for (const int size : {-1, 1001}) {
    request.set_page_size(size);
    EXPECT_WRONG("page_size", "page_size must be 1..1000, got " + std::to_string(size), request);
  }
  request.set_page_size(0);
  request.set_page_token(std::string(1024, 't'));
  EXPECT_FINE(request);
  request.set_page_token(std::string(1025, 't'));
  EXPECT_WRONG_FIELD("page_token", request);
  request.clear_page_token();

  request.add_states(v1::GROUP_STATE_RUNNING);
  request.add_states(v1::GROUP_STATE_CANCELLED);
  EXPECT_FINE(request);
  request.add_states(v1::GROUP_STATE_UNSPECIFIED);
  EXPECT_WRONG("states[2]", "states must be a known value, got UNSPECIFIED", request);
  request.set_states(2, static_cast<v1::GroupState>(6));
  EXPECT_WRONG("states[2]", "states must be a known value, got 6", request);
  request.clear_states();
  for (int n = 0; n < 64; ++n) request.add_states(v1::GROUP_STATE_RUNNING);
  EXPECT_FINE(request);
  request.add_states(v1::GROUP_STATE_RUNNING);
  EXPECT_WRONG("states", "states must have at most 64 entries, got 65", request);
  request.clear_states();

  (*request.mutable_labels())["k"] = "v";
  EXPECT_FINE(request);
  (*request.mutable_labels())["!"] = "v";
  EXPECT_WRONG_FIELD("labels[\"!\"]", request);
  request.clear_labels();

  request.set_name_prefix(std::string(128, 'n'));
  EXPECT_FINE(request);
  request.set_name_prefix(std::string(129, 'n'));
  EXPECT_WRONG_FIELD("name_prefix", request);
  request.clear_name_prefix();
  request.set_id_prefix(std::string(129, 'i'));
  EXPECT_WRONG_FIELD("id_prefix", request);
  request.clear_id_prefix();
  request.set_name(std::string(129, 'n'));
  EXPECT_WRONG_FIELD("name", request);
  request.clear_name();

  for (const bool after : {false, true}) {
    google::protobuf::Timestamp& time =
        after ? *request.mutable_created_after() : *request.mutable_created_before();
    const std::string path = after ? "created_after" : "created_before";
    for (const int64_t seconds : {int64_t{-62'135'596'800}, int64_t{0}, int64_t{253'402'300'799}}) {
      time.set_seconds(seconds);
      EXPECT_FINE(request);
    }
    for (const int64_t seconds : {int64_t{-62'135'596'801}, int64_t{253'402'300'800}}) {
      time.set_seconds(seconds);
      EXPECT_WRONG_FIELD(path, request);
    }
    time.set_seconds(0);
    for (const int nanos : {-1, 1'000'000'000}) {
      time.set_nanos(nanos);
      EXPECT_WRONG_FIELD(path, request);
    }
    time.set_nanos(999'999'999);
    EXPECT_FINE(request);
  }
}

TEST(BadRequest, TellsTheFirstAndHowManyMore) {
  v1::CreateGroupRequest request;
  request.mutable_spec()->set_limit(70000);
  Error error = BadRequest(Check(request));
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.reason, "BAD_REQUEST");
  EXPECT_EQ(error.message, "spec.limit: limit must be 0..65536, got 70000");
  EXPECT_EQ(error.fields.size(), 1u);
  request.mutable_spec()->set_name("/");
  error = BadRequest(Check(request));
  EXPECT_NE(error.message.find("(and 1 more)"), std::string::npos) << error.message;
  EXPECT_EQ(error.fields.size(), 2u);
}

}  // namespace
}  // namespace covey
