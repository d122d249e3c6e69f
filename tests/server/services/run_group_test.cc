#include "server/services/run_group.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <map>
#include <stdexcept>

#include "tests/server/services/services_testing.h"

namespace covey::testing {
namespace {

const std::string kRun = "/covey.v1.GroupService/RunGroup";

class BrokenOutput final : public NoOutput {
 public:
  OutputPiece Read(const OutputKey&, uint64_t, size_t) override { return {.bytes = "line\n"}; }
  void Taken(const OutputKey&, uint64_t) override { throw std::runtime_error("no memory"); }
};

// What tasks write to standard output, in memory.
class OutputInMemory final : public NoOutput {
 public:
  using Changed = std::function<void(uint32_t, uint32_t, OutputStream)>;

  void Append(uint32_t task, std::string_view text) {
    Call([&] { texts_[task] += text; }, task);
  }
  void Finish(const std::string&, uint32_t task, uint32_t, Finished done) override {
    Call([] {}, task);
    OutputSizes wrote;
    {
      MutexLock lock(mutex_);
      wrote.standard_output = texts_[task].size();
    }
    done(wrote);
  }
  OutputPiece Read(const OutputKey& key, uint64_t offset, size_t) override {
    if (key.stream == OutputStream::kStderr) return {};
    std::function<void()> first = nullptr;
    {
      MutexLock lock(mutex_);
      if (!texts_[key.task].empty()) first.swap(on_first_read[key.task]);
    }
    if (first) first();
    MutexLock lock(mutex_);
    const std::string& text = texts_[key.task];
    return {.offset = offset, .bytes = text.substr(std::min<size_t>(offset, text.size())), .end = true};
  }
  uint64_t Size(const OutputKey& key) override {
    MutexLock lock(mutex_);
    return key.stream == OutputStream::kStderr ? 0 : texts_[key.task].size();
  }
  std::shared_ptr<void> Subscribe(const std::string&, std::optional<uint32_t>, Changed changed) override {
    MutexLock lock(mutex_);
    changed_ = std::move(changed);
    return nullptr;
  }

  std::map<uint32_t, std::function<void()>> on_first_read;  // called before what a task wrote is first read

 private:
  template <class Change>
  void Call(Change change, uint32_t task) {
    Changed changed;
    {
      MutexLock lock(mutex_);
      change();
      changed = changed_;
    }
    if (changed) changed(task, 1, OutputStream::kStdout);
  }

  Mutex mutex_;
  std::map<uint32_t, std::string> texts_ COVEY_GUARDED_BY(mutex_);
  Changed changed_ COVEY_GUARDED_BY(mutex_);
};

TEST(RunGroupTest, OneThatThrowsCancelsItsGroupAndWatchesItNoMore) {
  ServicesWorld world({.output = std::make_shared<BrokenOutput>()});
  v1::RunGroupRequest request;
  request.mutable_options()->set_group_id("g");
  request.mutable_options()->set_output(true);
  SetTask(request.add_tasks());
  const edge::RawClient::Answer answer = world.Call(kRun, request);
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INTERNAL);
  ASSERT_TRUE(Eventually([&] { return world.world().executor->stopped("0.1").has_value(); }));
  EXPECT_EQ(world.world().executor->stopped("0.1")->message, "owner_lost: the call failed");
  const auto group = world.world().Find("g").value();
  EXPECT_FALSE(group->watched());
  EXPECT_EQ(world.errors().size(), 1u);
  world.world().executor->ExitAll();
  EXPECT_EQ(PhaseOf(group->View().state), GroupPhase::kCancelled);
}

TEST(RunGroupTest, OneThatIsRefusedMakesNoGroup) {
  ServicesWorld world;
  v1::RunGroupRequest request;
  request.mutable_options()->set_group_id("g");
  request.add_tasks()->mutable_function()->set_name("no-such-function");
  const edge::RawClient::Answer answer = world.Call(kRun, request);
  EXPECT_EQ(ReasonOf(answer.status), "FUNCTION_NOT_FOUND");
  EXPECT_FALSE(world.world().Find("g").ok());
}

TEST(RunGroupTest, EventsComeBeforeTheResult) {
  ServicesWorld world;
  world.world().executor->ExitAtOnce();
  v1::RunGroupRequest request;
  request.mutable_options()->set_events(true);
  SetTask(request.add_tasks());
  const edge::RawClient::Answer answer = world.Call(kRun, request);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  ASSERT_GE(answer.messages.size(), 3u);
  std::vector<v1::RunGroupResponse> messages(answer.messages.size());
  for (size_t i = 0; i < messages.size(); ++i) ASSERT_TRUE(messages[i].ParseFromString(answer.messages[i]));
  EXPECT_TRUE(messages.front().has_created());
  uint64_t through = 0;
  for (size_t i = 1; i + 1 < messages.size(); ++i) {
    ASSERT_FALSE(messages[i].events().empty());
    for (const v1::Event& event : messages[i].events()) EXPECT_EQ(event.number(), ++through);
    EXPECT_EQ(messages[i].through(), through);
  }
  EXPECT_EQ(through, messages.back().result().group().last_event());
  EXPECT_EQ(messages.back().result().group().state(), v1::GROUP_STATE_SUCCEEDED);
}

// Task 0 writes once more and exits while its first line is being read: the relay has taken the news before
// that, so marks of the stream are left when it sends the end of it.
TEST(RunGroupTest, OutputThatCameWhileTheLastWasReadIsSentOnce) {
  const auto output = std::make_shared<OutputInMemory>();
  ServicesWorld world({.output = output});
  ScriptedExecutor& executor = *world.world().executor;
  std::promise<void> other_read;
  output->on_first_read[0] = [&] {
    output->Append(0, "two ");
    executor.Exit("0.1");
  };
  output->on_first_read[1] = [&] { other_read.set_value(); };
  v1::RunGroupRequest request;
  request.mutable_options()->set_output(true);
  for (int i = 0; i < 2; ++i) SetTask(request.add_tasks());
  std::future<edge::RawClient::Answer> calling =
      std::async(std::launch::async, [&] { return world.Call(kRun, request); });
  ASSERT_TRUE(Eventually([&] { return executor.running().size() == 2; }));
  output->Append(0, "one ");
  ASSERT_TRUE(Eventually([&] { return executor.running().size() == 1; }));
  // News of both tasks is sent in their order: what is left of task 0 comes before this.
  output->Append(1, "three ");
  EXPECT_EQ(other_read.get_future().wait_for(kPatience), std::future_status::ready);
  executor.Exit("1.1");
  const edge::RawClient::Answer answer = calling.get();
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  std::string sent;
  for (const std::string& bytes : answer.messages) {
    v1::RunGroupResponse message;
    ASSERT_TRUE(message.ParseFromString(bytes));
    sent += message.output().data();
  }
  EXPECT_EQ(sent, "one two three ");
}

std::vector<v1::RunGroupResponse> Parsed(const edge::RawClient::Answer& answer) {
  std::vector<v1::RunGroupResponse> messages(answer.messages.size());
  for (size_t i = 0; i < messages.size(); ++i) EXPECT_TRUE(messages[i].ParseFromString(answer.messages[i]));
  return messages;
}

template <class Request>
std::vector<grpc::ByteBuffer> Bytes(const std::vector<Request>& messages) {
  std::vector<grpc::ByteBuffer> bytes;
  for (const Request& message : messages) bytes.push_back(edge::Bytes(message.SerializeAsString()));
  return bytes;
}

v1::TaskSpec* AddNamed(v1::RunGroupRequest& message, const std::string& name) {
  v1::TaskSpec* const task = message.add_tasks();
  SetTask(task);
  task->set_name(name);
  return task;
}

TEST(RunGroupTest, ABadTaskEndsTheScopeAndIsNamedWithItsMessage) {
  ServicesWorld world;
  std::vector<v1::RunGroupRequest> messages(3);
  messages[0].mutable_options()->set_group_id("g");
  AddNamed(messages[1], "a");
  AddNamed(messages[2], "b");
  AddNamed(messages[2], "c")->mutable_function()->set_name("no-such-function");
  const edge::RawClient::Answer answer = world.CallRaw(kRun, Bytes(messages));
  EXPECT_EQ(ReasonOf(answer.status), "FUNCTION_NOT_FOUND");
  EXPECT_TRUE(answer.status.error_message().starts_with("message 3: tasks[1].function.name"))
      << answer.status.error_message();
  EXPECT_NE(answer.status.error_details().find("messages[3].tasks[1].function.name"), std::string::npos);
  EXPECT_TRUE(world.world().Find("g").value()->View().state.decided);
}

TEST(RunGroupTest, ABadTaskIsRefusedByItselfWhenAsked) {
  ServicesWorld world;
  world.world().executor->ExitAtOnce();
  std::vector<v1::RunGroupRequest> messages(3);
  messages[0].mutable_options()->set_on_invalid(v1::ON_INVALID_REFUSE);
  messages[0].add_tasks();  // neither function nor process
  AddNamed(messages[0], "a");
  AddNamed(messages[1], "b");
  AddNamed(messages[1], "a");
  AddNamed(messages[1], "c")->mutable_function()->set_name("no-such-function");
  AddNamed(messages[1], "d");
  AddNamed(messages[1], "d");
  AddNamed(messages[2], "7");
  const edge::RawClient::Answer answer = world.CallRaw(kRun, Bytes(messages));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  std::vector<std::string> refused;
  v1::GroupResult result;
  for (const v1::RunGroupResponse& message : Parsed(answer)) {
    for (const v1::RefusedTask& task : message.refused()) {
      EXPECT_FALSE(task.message().empty());
      refused.push_back(std::to_string(task.message_number()) + "/" + std::to_string(task.index()) + " " +
                        task.field() + " " + v1::ErrorReason_Name(task.reason()));
    }
    if (message.has_result()) result = message.result();
  }
  EXPECT_EQ(refused, (std::vector<std::string>{
                         "1/0 work ERROR_REASON_BAD_REQUEST", "2/1 name ERROR_REASON_TASK_NAME_TAKEN",
                         "2/2 function.name ERROR_REASON_FUNCTION_NOT_FOUND",
                         "2/4 name ERROR_REASON_TASK_NAME_TAKEN", "3/0 name ERROR_REASON_BAD_REQUEST"}));
  EXPECT_EQ(result.group().state(), v1::GROUP_STATE_SUCCEEDED);
  EXPECT_EQ(result.group().tasks().submitted(), 3u);
}

// The pool has a slot for one of them at a time, the queue room for two.
class FullQueueTest : public ::testing::Test {
 protected:
  FullQueueTest() { world_.world().engine().SetMaxQueued({.tasks = 2}); }
  // Ends what runs until `call` is over.
  edge::RawClient::Answer Finish(std::future<edge::RawClient::Answer> call) {
    EXPECT_TRUE(Eventually([&] {
      world_.world().executor->ExitAll();
      return call.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    }));
    return call.get();
  }

  ServicesWorld world_;
};

TEST_F(FullQueueTest, RunGroupReadsOnWhenThereIsRoom) {
  std::vector<v1::RunGroupRequest> messages(4);
  messages[0].mutable_options()->mutable_spec()->set_limit(1);
  for (v1::RunGroupRequest& message : messages) {
    for (int i = 0; i < 2; ++i) SetTask(message.add_tasks());
  }
  const edge::RawClient::Answer answer =
      Finish(std::async(std::launch::async, [&] { return world_.CallRaw(kRun, Bytes(messages)); }));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(Parsed(answer).back().result().group().tasks().succeeded(), 8u);
}

TEST_F(FullQueueTest, TheGroupIsMadeWhenThereIsRoom) {
  v1::CreateGroupRequest other;
  other.set_group_id("other");
  other.mutable_spec()->set_limit(1);
  other.set_seal(true);
  for (int i = 0; i < 2; ++i) SetTask(other.add_tasks());
  ASSERT_TRUE(world_.Call("/covey.v1.GroupService/CreateGroup", other).status.ok());
  v1::RunGroupRequest message;
  message.mutable_options();
  for (int i = 0; i < 2; ++i) SetTask(message.add_tasks());
  const edge::RawClient::Answer answer =
      Finish(std::async(std::launch::async, [&] { return world_.Call(kRun, message); }));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
}

TEST_F(FullQueueTest, SubmitTaskStreamReadsOnWhenThereIsRoom) {
  v1::CreateGroupRequest group;
  group.set_group_id("g");
  group.mutable_spec()->set_limit(1);
  ASSERT_TRUE(world_.Call("/covey.v1.GroupService/CreateGroup", group).status.ok());
  std::vector<v1::SubmitTaskStreamRequest> messages(4);
  for (size_t i = 0; i < messages.size(); ++i) {
    messages[i].set_group_id("g");
    messages[i].set_number(i + 1);
    for (int k = 0; k < 2; ++k) SetTask(messages[i].add_tasks());
  }
  const edge::RawClient::Answer answer = Finish(std::async(std::launch::async, [&] {
    return world_.CallRaw("/covey.v1.GroupService/SubmitTaskStream", Bytes(messages));
  }));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  v1::SubmitTaskStreamResponse response;
  ASSERT_TRUE(response.ParseFromString(answer.messages.at(0)));
  EXPECT_EQ(response.last_number(), 4u);
  EXPECT_EQ(response.count(), 8u);
  EXPECT_FALSE(response.has_failure()) << response.failure().message();
}

TEST_F(FullQueueTest, AMessageThatNeverFitsIsRefused) {
  v1::RunGroupRequest message;
  message.mutable_options();
  for (int i = 0; i < 3; ++i) SetTask(message.add_tasks());
  EXPECT_EQ(ReasonOf(world_.Call(kRun, message).status), "QUEUE_TOO_SMALL");
}

TEST_F(FullQueueTest, AStopEndsTheWait) {
  v1::RunGroupRequest message;
  message.mutable_options()->mutable_spec()->set_limit(1);
  for (int i = 0; i < 2; ++i) SetTask(message.add_tasks());
  std::vector<v1::RunGroupRequest> messages(2, message);
  messages[1].clear_options();
  auto call = std::async(std::launch::async, [&] { return world_.CallRaw(kRun, Bytes(messages)); });
  ASSERT_TRUE(Eventually([&] { return world_.world().executor->running().size() == 1; }));
  world_.Stop();
  EXPECT_EQ(call.get().status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace covey::testing
