#include "client/outgoing.h"

#include <gtest/gtest.h>

#include <string>

#include "covey/client/client.h"
#include "tests/client/fake_daemon.h"

namespace covey::client {
namespace {

constexpr char kLatin1[] = "caf\xe9";

std::string Refused(const google::protobuf::Message& message) {
  const std::optional<Error> error = RefuseToSend(message);
  if (!error) return "";
  EXPECT_EQ(error->code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(error->reason, "BAD_REQUEST");
  EXPECT_EQ(error->fields.size(), 1U);
  EXPECT_EQ(error->message, error->fields[0].field + " " + error->fields[0].description);
  return error->message;
}

TEST(OutgoingTest, ABadStringIsNamedWhereverItStands) {
  v1::RunGroupRequest message;
  EXPECT_EQ(Refused(message), "");
  *message.add_tasks() = Process({"touch", "caf\xc3\xa9"});
  *message.add_tasks() = Process({"touch", "ok"});
  (*message.mutable_options()->mutable_spec()->mutable_labels())["team"] = "birds";
  EXPECT_EQ(Refused(message), "");
  v1::TaskSpec& second = *message.mutable_tasks(1);
  second.mutable_process()->set_argv(1, kLatin1);
  EXPECT_EQ(Refused(message), "tasks[1].process.argv[1] must be UTF-8, got \"caf\\xe9\"");
  second = Named(kLatin1, Function("covey.noop"));
  EXPECT_EQ(Refused(message), "tasks[1].name must be UTF-8, got \"caf\\xe9\"");
  second = Process({"true"});
  (*second.mutable_process()->mutable_env())["A"] = kLatin1;
  EXPECT_EQ(Refused(message), "tasks[1].process.env[\"A\"] must be UTF-8, got \"caf\\xe9\"");
  second.mutable_process()->clear_env();
  (*second.mutable_process()->mutable_env())[kLatin1] = "1";
  EXPECT_EQ(Refused(message), "tasks[1].process.env[\"caf\\xe9\"] must be UTF-8, got \"caf\\xe9\"");
  second = FunctionWithData("covey.echo", kLatin1, "text/plain");
  EXPECT_EQ(Refused(message), "") << "bytes are any";
  message.mutable_options()->mutable_spec()->set_name("\xed\xa0\x80");
  EXPECT_EQ(Refused(message), "options.spec.name must be UTF-8, got \"\\xed\\xa0\\x80\"");
}

TEST(OutgoingTest, ALongOneIsCut) {
  v1::GetGroupRequest message;
  message.set_group_id(std::string(10'000, 'x') + kLatin1);
  EXPECT_LT(Refused(message).size(), 200U);
}

// Each kind of call, at the client as its users have it: nothing reaches the daemon.
TEST(OutgoingTest, NoCallSendsIt) {
  FakeDaemon daemon;
  std::atomic<int> calls = 0;
  daemon.SetAll([&](std::string_view, ServerStream*) {
    ++calls;
    return grpc::Status::OK;
  });
  Client client = Client::Connect(daemon.address()).value();
  v1::CreateGroupRequest create;
  *create.add_tasks() = Process({kLatin1});
  EXPECT_EQ(client.CreateGroup(create).error().fields[0].field, "tasks[0].process.argv[0]");
  EXPECT_EQ(client.WaitGroup(kLatin1).error().fields[0].field, "group_id");
  v1::StreamEventsRequest events;
  events.set_group_id(kLatin1);
  const auto stream = client.StreamEvents(events);
  v1::StreamEventsResponse message;
  EXPECT_FALSE(stream->Next(&message));
  EXPECT_EQ(stream->Finish().error().fields[0].field, "group_id");
  EXPECT_EQ(calls, 0);
}

TEST(OutgoingTest, AStreamEndsInsteadOfSendingIt) {
  FakeDaemon daemon;
  std::atomic<int> tasks = 0;
  daemon.submit_task_stream = [&](grpc::ServerContext* context, auto* stream) {
    for (v1::SubmitTaskStreamRequest request; stream->Read(&request);) tasks += request.tasks_size();
    return context->IsCancelled() ? grpc::Status::CANCELLED : grpc::Status::OK;
  };
  Client client = Client::Connect(daemon.address()).value();
  const auto upload = client.SubmitTaskStream();
  v1::SubmitTaskStreamRequest request;
  *request.add_tasks() = Process({"true"});
  EXPECT_TRUE(upload->Write(request));
  *request.add_tasks() = Process({"touch", kLatin1});
  EXPECT_FALSE(upload->Write(request));
  const Result<v1::SubmitTaskStreamResponse> end = upload->Finish();
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().fields.at(0).field, "tasks[1].process.argv[1]");
  EXPECT_LE(tasks, 1);
}

}  // namespace
}  // namespace covey::client
