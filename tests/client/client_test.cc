// The library against a real gRPC server.

#include "covey/client/client.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/wrappers.pb.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "client/grpc_connection.h"
#include "tests/client/fake_connection.h"
#include "tests/client/fake_daemon.h"

namespace covey::client {
namespace {

Client ConnectTo(const FakeDaemon& daemon) { return Client::Connect(daemon.address()).value(); }

// Sees that the messages are those of the contract.
class CheckingConnection final : public Connection {
 public:
  explicit CheckingConnection(std::shared_ptr<Connection> inner) : inner_(std::move(inner)) {}

  Result<Void> Call(const methods::Method& method, const google::protobuf::Message& request,
                    google::protobuf::Message* answer, const CallOptions& options) override {
    EXPECT_EQ(method.shape, methods::Shape::kUnary);
    EXPECT_EQ(RpcOf(method)->input_type(), request.GetDescriptor()) << method.name;
    EXPECT_EQ(RpcOf(method)->output_type(), answer->GetDescriptor()) << method.name;
    return inner_->Call(method, request, answer, options);
  }
  std::unique_ptr<MessageStream> Read(const methods::Method& method, const google::protobuf::Message& request,
                                      const CallOptions& options) override {
    EXPECT_EQ(method.shape, methods::Shape::kServerStream);
    EXPECT_EQ(RpcOf(method)->input_type(), request.GetDescriptor()) << method.name;
    return inner_->Read(method, request, options);
  }
  std::unique_ptr<MessageStream> Open(const methods::Method& method, const CallOptions& options) override {
    return inner_->Open(method, options);
  }

 private:
  static const google::protobuf::MethodDescriptor* RpcOf(const methods::Method& method) {
    std::string name(method.name.substr(1));
    name[name.find('/')] = '.';
    return google::protobuf::DescriptorPool::generated_pool()->FindMethodByName(name);
  }

  const std::shared_ptr<Connection> inner_;
};

TEST(ClientTest, EachMethodMakesItsCall) {
  FakeDaemon daemon;
  daemon.SetAll([](std::string_view method, ServerStream*) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, std::string(method.substr(method.rfind('.') + 1)));
  });
  Client client(std::make_shared<CheckingConnection>(MakeGrpcConnection(daemon.address(), {})));
  const auto of = [](const auto& result) { return result.ok() ? "ok" : result.error().message; };
  EXPECT_EQ(of(client.CreateGroup({})), "GroupService/CreateGroup");
  EXPECT_EQ(of(client.SubmitTasks({})), "GroupService/SubmitTasks");
  EXPECT_EQ(of(client.SealGroup("g")), "GroupService/SealGroup");
  EXPECT_EQ(of(client.WaitGroup("g")), "GroupService/WaitGroup");
  EXPECT_EQ(of(client.CancelGroup("g")), "GroupService/CancelGroup");
  EXPECT_EQ(of(client.GetGroup("g")), "GroupService/GetGroup");
  EXPECT_EQ(of(client.ListGroups({})), "GroupService/ListGroups");
  EXPECT_EQ(of(client.ForEachGroup({}, [](const v1::Group&) { return true; })), "GroupService/ListGroups");
  EXPECT_EQ(of(client.DeleteGroup("g")), "GroupService/DeleteGroup");
  EXPECT_EQ(of(client.SubmitTaskStream()->Finish()), "GroupService/SubmitTaskStream");
  EXPECT_EQ(of(client.RunGroup(v1::RunGroupOptions())->Finish()), "GroupService/RunGroup");
  EXPECT_EQ(of(client.GetTask("g", "t")), "TaskService/GetTask");
  EXPECT_EQ(of(client.ListTasks({})), "TaskService/ListTasks");
  EXPECT_EQ(of(client.ForEachTask({}, [](const v1::Task&) { return true; })), "TaskService/ListTasks");
  EXPECT_EQ(of(client.WaitTask("g", "t")), "TaskService/WaitTask");
  EXPECT_EQ(of(client.CancelTask("g", "t")), "TaskService/CancelTask");
  EXPECT_EQ(of(client.ReadOutput({})->Finish()), "TaskService/ReadOutput");
  EXPECT_EQ(of(client.StreamOutput({})->Finish()), "GroupService/StreamOutput");
  EXPECT_EQ(of(client.CreatePool("p", 1)), "PoolService/CreatePool");
  EXPECT_EQ(of(client.GetPool("p")), "PoolService/GetPool");
  EXPECT_EQ(of(client.ListPools()), "PoolService/ListPools");
  EXPECT_EQ(of(client.UpdatePool("p", 1)), "PoolService/UpdatePool");
  EXPECT_EQ(of(client.ClosePool("p")), "PoolService/ClosePool");
  EXPECT_EQ(of(client.StreamEvents({})->Finish()), "EventService/StreamEvents");
  EXPECT_EQ(of(client.GetServerInfo()), "AdminService/GetServerInfo");
  EXPECT_EQ(of(client.Diagnose()), "AdminService/Diagnose");
  EXPECT_EQ(of(client.Drain()), "AdminService/Drain");
  EXPECT_EQ(of(client.Undrain()), "AdminService/Undrain");
  EXPECT_EQ(of(client.Reload()), "AdminService/Reload");
  EXPECT_EQ(of(client.Backup()->Finish()), "AdminService/Backup");
  EXPECT_EQ(of(client.Prune({})), "AdminService/Prune");
  EXPECT_EQ(of(client.Explain("g")), "GroupService/Explain");
  EXPECT_EQ(of(client.WaitGroup(v1::WaitGroupRequest())), "GroupService/WaitGroup");
  EXPECT_EQ(of(client.WaitTask(v1::WaitTaskRequest())), "TaskService/WaitTask");
  EXPECT_EQ(of(client.ClosePool(v1::ClosePoolRequest())), "PoolService/ClosePool");
  EXPECT_EQ(of(client.Drain(v1::DrainRequest())), "AdminService/Drain");
}

TEST(ClientTest, ArgumentsArriveAndAnswersComeBack) {
  FakeDaemon daemon;
  daemon.cancel_group = [](const v1::CancelGroupRequest& request, v1::CancelGroupResponse* answer) {
    EXPECT_EQ(request.group_id(), "g");
    EXPECT_EQ(request.reason(), "enough");
    EXPECT_TRUE(request.wait());
    answer->mutable_group()->set_id("g");
    answer->mutable_group()->set_state(v1::GROUP_STATE_CANCELLED);
    return grpc::Status::OK;
  };
  daemon.wait_group = [](const v1::WaitGroupRequest& request, v1::WaitGroupResponse* answer) {
    EXPECT_TRUE(request.seal_when_idle());
    answer->mutable_result()->mutable_first_failure()->set_code(7);
    return grpc::Status::OK;
  };
  Client client = ConnectTo(daemon);
  EXPECT_EQ(client.CancelGroup("g", "enough", true).value().state(), v1::GROUP_STATE_CANCELLED);
  EXPECT_EQ(client.WaitGroup("g", true).value().first_failure().code(), 7);
}

TEST(ClientTest, PagesAreReadToTheEndOrUntilEnough) {
  FakeDaemon daemon;
  daemon.list_groups = [](const v1::ListGroupsRequest& request, v1::ListGroupsResponse* answer) {
    const int page = request.page_token().empty() ? 0 : std::stoi(request.page_token());
    answer->add_groups()->set_id(std::to_string(2 * page));
    answer->add_groups()->set_id(std::to_string(2 * page + 1));
    if (page < 2) answer->set_next_page_token(std::to_string(page + 1));
    return grpc::Status::OK;
  };
  Client client = ConnectTo(daemon);
  std::string seen;
  EXPECT_TRUE(client.ForEachGroup({}, [&](const v1::Group& group) { return seen += group.id(), true; }).ok());
  EXPECT_EQ(seen, "012345");
  seen.clear();
  EXPECT_TRUE(
      client.ForEachGroup({}, [&](const v1::Group& group) { return seen += group.id(), seen.size() < 3; })
          .ok());
  EXPECT_EQ(seen, "012");
}

TEST(ClientTest, ADaemonOutOfReachIsAPromptErrorThatSaysWhatToDo) {
  Client client = Client::Connect("unix:/nonexistent/covey.sock").value();
  const auto info = client.GetServerInfo();
  ASSERT_FALSE(info.ok());
  EXPECT_EQ(info.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(info.error().reason, "UNREACHABLE");
  EXPECT_NE(info.error().message.find("No such file"), std::string::npos) << info.error().message;
  EXPECT_NE(info.error().message.find("coveyd"), std::string::npos) << info.error().message;
  const auto group = client.RunGroup(v1::RunGroupOptions())->Finish();
  EXPECT_EQ(group.error().reason, "UNREACHABLE");
}

TEST(ClientTest, TheDaemonsOwnRefusalKeepsItsWords) {
  FakeDaemon daemon;
  daemon.create_group = [](const auto&, auto*) {
    return DetailedStatus(grpc::StatusCode::UNAVAILABLE, "the daemon is draining", "DRAINING");
  };
  const auto created = ConnectTo(daemon).CreateGroup({});
  EXPECT_EQ(created.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(created.error().reason, "DRAINING");
  EXPECT_EQ(created.error().message, "the daemon is draining");
}

TEST(ClientTest, ATimeoutEndsTheCallAlone) {
  FakeDaemon daemon;
  std::promise<void> release;
  daemon.wait_group = [future = release.get_future().share()](const auto&, auto*) {
    future.wait_for(kBound);
    return grpc::Status::OK;
  };
  Client client = ConnectTo(daemon);
  const auto waited = client.WaitGroup("g", false, {.timeout = std::chrono::milliseconds(1)});
  EXPECT_EQ(waited.error().code, ErrorCode::kDeadlineExceeded);
  release.set_value();
}

TEST(ClientTest, AnEndlessTimeoutDoesNotOverflow) {
  FakeDaemon daemon;
  daemon.get_server_info = [](const auto&, auto*) { return grpc::Status::OK; };
  EXPECT_TRUE(ConnectTo(daemon).GetServerInfo({.timeout = std::chrono::nanoseconds::max()}).ok());
}

TEST(ClientTest, AStreamEndsAndSaysHow) {
  FakeDaemon daemon;
  daemon.stream_events = [](grpc::ServerContext*, const v1::StreamEventsRequest& request, auto* writer) {
    for (uint64_t number = request.after() + 1; number <= 3; ++number) {
      v1::StreamEventsResponse message;
      message.add_events()->set_number(number);
      message.set_through(number);
      writer->Write(message);
    }
    return DetailedStatus(grpc::StatusCode::UNAVAILABLE, "the daemon goes", "DRAINING");
  };
  Client client = ConnectTo(daemon);
  v1::StreamEventsRequest request;
  request.set_after(1);
  const auto stream = client.StreamEvents(request);
  v1::StreamEventsResponse message;
  ASSERT_TRUE(stream->Next(&message));
  EXPECT_EQ(message.through(), 2U);
  ASSERT_TRUE(stream->Next(&message));
  EXPECT_EQ(message.through(), 3U);
  EXPECT_FALSE(stream->Next(&message));
  EXPECT_EQ(stream->Finish().error().reason, "DRAINING");
  EXPECT_EQ(stream->Finish().error().reason, "DRAINING");  // as often as asked
}

TEST(ClientTest, FinishDropsWhatWasNotRead) {
  FakeDaemon daemon;
  daemon.read_output = [](grpc::ServerContext*, const v1::ReadOutputRequest&, auto* writer) {
    v1::ReadOutputResponse message;
    message.mutable_chunk()->set_data(std::string(64 << 10, 'x'));
    for (int i = 0; i < 100; ++i) writer->Write(message);  // more than a window of flow control
    return grpc::Status::OK;
  };
  EXPECT_TRUE(ConnectTo(daemon).ReadOutput({})->Finish().ok());
}

TEST(ClientTest, CancelFromAnotherThreadEndsNext) {
  FakeDaemon daemon;
  std::promise<void> ended;
  daemon.stream_events = [&ended](grpc::ServerContext* context, const v1::StreamEventsRequest&,
                                  auto* writer) {
    writer->Write({});
    while (!context->IsCancelled()) std::this_thread::yield();
    ended.set_value();
    return grpc::Status::CANCELLED;
  };
  Client client = ConnectTo(daemon);
  const auto stream = client.StreamEvents({});
  v1::StreamEventsResponse message;
  ASSERT_TRUE(stream->Next(&message));
  std::thread canceller([&] { stream->Cancel(); });
  EXPECT_FALSE(stream->Next(&message));
  canceller.join();
  EXPECT_EQ(stream->Finish().error().code, ErrorCode::kCancelled);
  EXPECT_EQ(ended.get_future().wait_for(kBound), std::future_status::ready);
}

TEST(ClientTest, AnAbandonedStreamCancelsItsCall) {
  FakeDaemon daemon;
  std::promise<void> ended;
  daemon.stream_events = [&ended](grpc::ServerContext* context, const v1::StreamEventsRequest&,
                                  auto* writer) {
    writer->Write({});
    while (!context->IsCancelled()) std::this_thread::yield();
    ended.set_value();
    return grpc::Status::CANCELLED;
  };
  Client client = ConnectTo(daemon);
  {
    const auto stream = client.StreamEvents({});
    v1::StreamEventsResponse message;
    ASSERT_TRUE(stream->Next(&message));
  }
  EXPECT_EQ(ended.get_future().wait_for(kBound), std::future_status::ready);
}

TEST(ClientTest, ALostDaemonIsNamedAsSuch) {
  FakeDaemon daemon;
  std::promise<void> entered;
  daemon.stream_events = [&entered](grpc::ServerContext* context, const v1::StreamEventsRequest&, auto*) {
    entered.set_value();
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::OK;
  };
  ConnectOptions impatient;
  impatient.retry.patience = {};
  Client client = Client::Connect(daemon.address(), impatient).value();
  const auto stream = client.StreamEvents({});
  ASSERT_EQ(entered.get_future().wait_for(kBound), std::future_status::ready);
  std::thread stop([&] { daemon.Stop(); });
  const Result<Void> end = stream->Finish();
  stop.join();
  // The server's forced shutdown either resets the call or closes the socket under it.
  EXPECT_FALSE(end.ok());
  const auto info = client.GetServerInfo();
  EXPECT_EQ(info.error().code, ErrorCode::kUnavailable);
}

TEST(ClientTest, AnAnswerThatCannotBeReadIsAnError) {
  FakeDaemon daemon;
  daemon.SetAll([](std::string_view, ServerStream* stream) {
    google::protobuf::BytesValue junk;  // where a message is expected
    junk.set_value("\xff\xff");
    stream->Write(junk);
    return grpc::Status::OK;
  });
  Client client = ConnectTo(daemon);
  const Result<v1::Group> group = client.GetGroup("g");
  ASSERT_FALSE(group.ok());
  EXPECT_EQ(group.error().code, ErrorCode::kInternal);
  EXPECT_EQ(group.error().reason, "BAD_ANSWER");
  const auto stream = client.StreamEvents({});
  v1::StreamEventsResponse message;
  EXPECT_FALSE(stream->Next(&message));
  EXPECT_EQ(stream->Finish().error().reason, "BAD_ANSWER");
}

TEST(ClientTest, AnUploadWithoutAnAnswerIsAnError) {
  FakeDaemon daemon;
  daemon.SetAll([](std::string_view, ServerStream*) { return grpc::Status::OK; });
  EXPECT_EQ(ConnectTo(daemon).SubmitTaskStream()->Finish().error().reason, "NO_RESULT");
}

TEST(ClientTest, ARequestGetsAnIdAndIsNotCopiedForIt) {
  const auto connection = std::make_shared<FakeConnection>();
  Client client(connection);
  v1::SubmitTasksRequest tasks;
  tasks.set_request_id("mine");
  EXPECT_TRUE(client.SubmitTasks(tasks).ok());
  EXPECT_EQ(connection->asked.back().address, &tasks);
  EXPECT_EQ(connection->asked.back().request, "request_id: \"mine\"");
  v1::CreateGroupRequest create;
  EXPECT_TRUE(client.CreateGroup(create).ok());
  EXPECT_TRUE(create.request_id().empty());  // the caller's own stays as it is
  EXPECT_EQ(connection->asked.back().request.size(), std::string("request_id: \"\"").size() + 32);
  EXPECT_TRUE(client.CreateGroup(std::move(create)).ok());
  EXPECT_EQ(connection->asked.back().address, &create);
  EXPECT_EQ(connection->asked.back().request.size(), std::string("request_id: \"\"").size() + 32);
}

TEST(ClientTest, AnUploadCountsItsMessages) {
  FakeDaemon daemon;
  daemon.submit_task_stream = [](grpc::ServerContext*, auto* stream) {
    v1::SubmitTaskStreamRequest message;
    v1::SubmitTaskStreamResponse answer;
    while (stream->Read(&message)) {
      answer.set_last_number(message.number());
      answer.set_count(answer.count() + static_cast<uint64_t>(message.tasks_size()));
    }
    stream->Write(answer);
    return grpc::Status::OK;
  };
  const auto upload = ConnectTo(daemon).SubmitTaskStream();
  for (uint64_t number = 1; number <= 3; ++number) {
    v1::SubmitTaskStreamRequest message;
    message.set_group_id("g");
    message.set_number(number);
    *message.add_tasks() = Function("covey.noop");
    EXPECT_TRUE(upload->Write(message));
  }
  const auto answer = upload->Finish();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().last_number(), 3U);
  EXPECT_EQ(answer.value().count(), 3U);
}

TEST(ClientTest, RequestIdsAreFresh) {
  const std::string id = NewRequestId();
  EXPECT_EQ(id.size(), 32U);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_NE(id, NewRequestId());
}

TEST(TaskTest, BuildersFillTheSpec) {
  const v1::TaskSpec process = Named("sum", Process({"sha256sum", "f"}));
  EXPECT_EQ(process.name(), "sum");
  EXPECT_EQ(process.process().argv(1), "f");
  EXPECT_EQ(Function("covey.echo", "hi").function().payload().text(), "hi");
  EXPECT_FALSE(Function("covey.noop").function().has_payload());
  EXPECT_EQ(FunctionWithData("f", std::string("\0\xff", 2), "x/y").function().payload().data().size(), 2U);
}

TEST(TaskTest, DurationsSurviveTheWay) {
  using std::chrono::nanoseconds;
  for (const nanoseconds duration : {nanoseconds(0), nanoseconds(1), nanoseconds(1'500'000'000)}) {
    EXPECT_EQ(FromProto(ToProto(duration)), duration);
  }
  google::protobuf::Duration longest;
  longest.set_seconds(315'576'000'000);
  EXPECT_GT(FromProto(longest), std::chrono::hours(24 * 365 * 290));  // cut, not wrapped
}

}  // namespace
}  // namespace covey::client
