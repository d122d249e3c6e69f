// What readers of streams have not taken is bounded in bytes: the slowest gives way.

#include "server/services/answer_room.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/server/services/services_testing.h"

namespace covey::testing {
namespace {

constexpr char kEventsOfOne[] = "/covey.v1.EventService/StreamEvents";
constexpr int kResults = 16;  // more than gRPC and the sockets take in

// A stream whose client reads nothing.
class StuckStream {
 public:
  StuckStream(const std::string& address, const v1::StreamEventsRequest& request)
      : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {
    context_.set_authority("localhost");
    call_ = stub_.PrepareCall(&context_, kEventsOfOne, &queue_);
    call_->StartCall(Tag());
    Await();
    call_->WriteLast(edge::Bytes(request.SerializeAsString()), grpc::WriteOptions(), Tag());
    Await();
  }
  ~StuckStream() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, Tag());
    Await();
    queue_.Shutdown();
  }
  StuckStream(const StuckStream&) = delete;
  StuckStream& operator=(const StuckStream&) = delete;

 private:
  void* Tag() { return this; }
  void Await() {
    void* tag = nullptr;
    bool ok = false;
    COVEY_CHECK(queue_.Next(&tag, &ok));
  }

  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

TEST(AnswerRoomTest, TheSlowestReaderGivesWay) {
  std::atomic<int> cancelled = 0;
  const auto room = std::make_shared<AnswerRoom>(2 * PageLimit::kBytes, std::chrono::seconds(2),
                                                 [&](const std::string&) { ++cancelled; });
  ServicesWorld world({.answers = room});
  world.world().Make(kResults);
  for (int i = 0; i < kResults; ++i) {
    world.world().executor->Exit(
        std::to_string(i) + ".1", {},
        std::make_shared<const Payload>(Payload{.bytes = std::string(size_t{1} << 20, 'x')}));
  }
  v1::StreamEventsRequest request;
  request.set_group_id("g");
  {
    const StuckStream stuck(world.address(), request);
    ASSERT_TRUE(Eventually([&] { return room->budget()->usage().used.bytes > 0; }));
    const edge::RawClient::Answer answer = world.Call(kEventsOfOne, request);
    ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
    int results = 0;
    for (const std::string& each : answer.messages) {
      EXPECT_LT(each.size(), 2 * PageLimit::kBytes);
      v1::StreamEventsResponse message;
      ASSERT_TRUE(message.ParseFromString(each));
      for (const v1::Event& event : message.events()) results += event.has_result() ? 1 : 0;
    }
    EXPECT_EQ(results, kResults);
  }
  EXPECT_GE(cancelled, 1);
  EXPECT_TRUE(Eventually([&] { return room->budget()->usage().used.bytes == 0; }));
}

TEST(AnswerRoomTest, AMessageKeepsTheRoomThatItTakes) {
  const std::shared_ptr<Budget> budget = Budget::New("answers", {.bytes = 1'000});
  Result<Reservation> reserved = budget->Reserve({.bytes = 1'000});
  Reservation& held = reserved.value();
  KeepRoom(held, 10);
  EXPECT_EQ(budget->usage().used.bytes, 10u);
  KeepRoom(held, 20);
  EXPECT_EQ(budget->usage().used.bytes, 10u);
}

}  // namespace
}  // namespace covey::testing
