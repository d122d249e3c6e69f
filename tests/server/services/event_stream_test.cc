#include <gtest/gtest.h>

#include <grpcpp/support/slice.h>

#include "covey/v1/event_service.pb.h"
#include "server/convert/convert.h"
#include "server/services/event_message.h"
#include "tests/server/services/services_testing.h"

// Events are encoded once for all that read them.
namespace covey::testing {
namespace {

constexpr char kStreamEvents[] = "/covey.v1.EventService/StreamEvents";

std::string Text(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices)
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

v1::StreamEventsResponse Parsed(const std::string& text) {
  v1::StreamEventsResponse message;
  EXPECT_TRUE(message.ParseFromString(text));
  EXPECT_EQ(message.SerializeAsString(), text) << "as Protobuf writes it";
  return message;
}

Record Exit(uint64_t number, size_t result) {
  Record record{.number = number, .task_name = "t"};
  record.event = {
      .kind = state::EventKind::kTaskExited, .result = state::Ending::kSucceeded, .task = 0, .attempt = 1};
  record.result = std::make_shared<const Payload>(Payload{.bytes = std::string(result, 'x')});
  return record;
}

TEST(EventMessageTest, IsWhatProtobufWouldWrite) {
  EventMessage message;
  EXPECT_TRUE(message.empty());
  v1::StreamEventsResponse right;
  std::vector<std::string> pieces;
  for (const size_t result : {0u, 1u, 100u, 200u, 20'000u}) {  // lengths of one, two and three bytes
    const Record record = Exit(result + 1, result);
    pieces.push_back(EncodeEvent("g", record));
    ToProto("g", record, right.add_events());
  }
  for (const std::string& piece : pieces) message.Add(piece);
  right.set_through(20'001);
  message.SetThrough(20'001);
  EXPECT_FALSE(message.empty());
  const grpc::ByteBuffer bytes = message.Take();
  EXPECT_EQ(Text(bytes), right.SerializeAsString());
  EXPECT_TRUE(message.empty());
  EXPECT_EQ(message.bytes(), 0u);
}

class EventStreamTest : public ::testing::Test {
 protected:
  // The events of a stream, and the numbers up to which each of its messages goes.
  std::vector<v1::Event> Stream(const v1::StreamEventsRequest& request) {
    const edge::RawClient::Answer answer = services_.Call(kStreamEvents, request);
    EXPECT_TRUE(answer.status.ok()) << answer.status.error_message();
    std::vector<v1::Event> events;
    throughs_.clear();
    for (const std::string& each : answer.messages) {
      const v1::StreamEventsResponse message = Parsed(each);
      for (const v1::Event& event : message.events()) events.push_back(event);
      throughs_.push_back(message.through());
    }
    return events;
  }

  ServicesWorld services_;
  World& world_ = services_.world();
  std::vector<uint64_t> throughs_;
};

TEST_F(EventStreamTest, TellsEveryEventAsItIs) {
  const auto group = world_.Make(2);
  world_.executor->Exit("0.1");
  world_.executor->Exit("1.1");
  v1::StreamEventsRequest request;
  request.set_group_id("g");
  const std::vector<v1::Event> events = Stream(request);
  const auto records = world_.Records("g").value();
  ASSERT_EQ(events.size(), records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    v1::Event right;
    ToProto("g", records[i], &right);
    EXPECT_EQ(events[i].SerializeAsString(), right.SerializeAsString());
  }
  EXPECT_EQ(throughs_, std::vector<uint64_t>{records.size()});
}

TEST_F(EventStreamTest, AFilterTakesSomeOfThemAndSaysHowFarItHasCome) {
  world_.Make(2);
  world_.executor->ExitAll();
  v1::StreamEventsRequest request;
  request.set_group_id("g");
  request.add_kinds(v1::EVENT_KIND_TASK_EXITED);
  const std::vector<v1::Event> events = Stream(request);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].task(), "0");
  EXPECT_EQ(events[1].task(), "1");
  EXPECT_EQ(throughs_, std::vector<uint64_t>{world_.Records("g").value().size()});
}

// The form that the first reader had made hangs on the batch; the next one finds it.
TEST_F(EventStreamTest, WhatOneReaderHadEncodedServesTheNext) {
  const auto group = world_.Make(2);
  v1::StreamEventsRequest request;
  request.set_group_id("g");
  const std::vector<v1::Event> first = Stream(request);
  const EventPage page = group->RecentEvents(0, {.count = 100}).value();
  ASSERT_FALSE(page.slices.empty());
  size_t encoded = 0;
  for (const EventSlice& slice : page.slices) {
    for (const std::string& piece : slice.batch->Encoded([&](const Record&) {
           ADD_FAILURE() << "it is encoded already";
           return std::string();
         }))
      encoded += piece.size();
  }
  EXPECT_GT(encoded, 0u);
  const std::vector<v1::Event> second = Stream(request);
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i)
    EXPECT_EQ(first[i].SerializeAsString(), second[i].SerializeAsString());
}

// No message is larger than a MiB, but for an event that is larger by itself.
TEST_F(EventStreamTest, LargeEventsAreSpreadOverMessages) {
  world_.Make(4);
  for (int i = 0; i < 4; ++i) {
    world_.executor->Exit(std::to_string(i) + ".1", {},
                          std::make_shared<const Payload>(Payload{.bytes = std::string(500'000, 'x')}));
  }
  v1::StreamEventsRequest request;
  request.set_group_id("g");
  const std::vector<v1::Event> events = Stream(request);
  EXPECT_EQ(events.size(), world_.Records("g").value().size());
  EXPECT_GE(throughs_.size(), 2u) << "two of the large ones fit a message, three do not";
  EXPECT_EQ(throughs_.back(), events.size());
}

}  // namespace
}  // namespace covey::testing
