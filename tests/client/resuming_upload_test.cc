#include "client/resuming_upload.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/client/fake_connection.h"

namespace covey::client {
namespace {

using google::protobuf::Message;

// One call: takes so many messages, and then is over as it was told.
struct Script {
  size_t takes = SIZE_MAX;
  bool answers = false;  // with the number of the last message
  Result<Void> end = Void{};
};

// What was sent in one call.
struct Sent {
  std::vector<v1::SubmitTaskStreamRequest> messages;
  bool closed = false;
  bool cancelled = false;
};

class ScriptedCall final : public MessageStream {
 public:
  ScriptedCall(Script script, Sent* sent) : script_(std::move(script)), sent_(sent) {}

  bool Next(Message* message) override {
    if (!script_.answers) return false;
    v1::SubmitTaskStreamResponse answer;
    answer.set_last_number(sent_->messages.empty() ? 0 : sent_->messages.back().number());
    message->CopyFrom(answer);
    script_.answers = false;
    return true;
  }
  bool Write(const Message& message) override {
    if (sent_->messages.size() >= script_.takes) return false;
    sent_->messages.push_back(static_cast<const v1::SubmitTaskStreamRequest&>(message));
    return true;
  }
  bool HalfClose() override { return sent_->closed = sent_->messages.size() < script_.takes; }
  Result<Void> Finish() override { return script_.end; }
  void Cancel() override { sent_->cancelled = true; }

 private:
  Script script_;
  Sent* const sent_;
};

class ResumingUploadTest : public ::testing::Test {
 protected:
  // The next calls go as `scripts` say.
  void Begin(std::vector<Script> scripts, size_t most_kept = ResumingUpload::kMostKept) {
    scripts_ = std::move(scripts);
    sent_.resize(scripts_.size());
    upload_ = std::make_unique<ResumingUpload>(
        CallOptions(), kQuick, reached_,
        [this](const CallOptions&) {
          const size_t call = calls_++;
          if (call == cancelled_while_begun_) upload_->Cancel();
          return std::make_unique<ScriptedCall>(scripts_.at(call), &sent_.at(call));
        },
        most_kept);
  }
  bool Write(uint64_t number, const std::string& request_id = {}) {
    v1::SubmitTaskStreamRequest message;
    message.set_number(number);
    message.set_request_id(request_id);
    message.add_tasks()->set_name("task " + std::to_string(number));
    return upload_->Write(message);
  }
  std::string Numbers(size_t call) const {
    std::string text;
    for (const auto& message : sent_[call].messages) text += std::to_string(message.number()) + " ";
    return text;
  }
  // The number of the last message that was taken; 0: no answer.
  uint64_t Answer() {
    v1::SubmitTaskStreamResponse answer;
    return upload_->Next(&answer) ? answer.last_number() : 0;
  }

  static Error Lost() { return Unavailable("CONNECTION_LOST"); }

  const std::shared_ptr<std::atomic<bool>> reached_ = std::make_shared<std::atomic<bool>>(true);
  std::vector<Script> scripts_;
  std::vector<Sent> sent_;
  size_t calls_ = 0;
  size_t cancelled_while_begun_ = SIZE_MAX;  // the call during whose begin somebody cancels
  std::unique_ptr<ResumingUpload> upload_;
};

TEST_F(ResumingUploadTest, WhatWasWrittenIsSentAgainUnderOneRequestId) {
  Begin({{.takes = 2, .end = Lost()}, {.takes = 1, .end = Unavailable("UNREACHABLE")}, {.answers = true}});
  for (uint64_t number = 1; number <= 4; ++number) EXPECT_TRUE(Write(number));
  EXPECT_TRUE(upload_->HalfClose());
  EXPECT_EQ(Answer(), 4u);
  EXPECT_EQ(Answer(), 0u) << "there is one answer";
  EXPECT_TRUE(upload_->Finish().ok());
  EXPECT_EQ(Numbers(0), "1 2 ");
  EXPECT_EQ(Numbers(1), "1 ");
  EXPECT_EQ(Numbers(2), "1 2 3 4 ");
  EXPECT_TRUE(sent_[2].closed);
  EXPECT_EQ(sent_[0].messages[0].request_id().size(), 32u);
  EXPECT_EQ(sent_[2].messages[0].request_id(), sent_[0].messages[0].request_id());
}

// What was accepted is known from the answer alone.
TEST_F(ResumingUploadTest, ALostAnswerIsAskedForAgain) {
  Begin({{.end = Lost()}, {.answers = true}});
  EXPECT_TRUE(Write(1, "mine"));
  EXPECT_TRUE(upload_->HalfClose());
  EXPECT_EQ(Answer(), 1u);
  EXPECT_EQ(Numbers(1), "1 ");
  EXPECT_TRUE(sent_[1].closed);
  EXPECT_EQ(sent_[1].messages[0].request_id(), "mine");
}

TEST_F(ResumingUploadTest, AnAnswerThatComesEarlyEndsIt) {
  Begin({{.takes = 2, .answers = true}});
  EXPECT_TRUE(Write(1));
  EXPECT_TRUE(Write(2));
  EXPECT_FALSE(Write(3));
  EXPECT_FALSE(upload_->HalfClose());
  EXPECT_EQ(Answer(), 2u);
  EXPECT_TRUE(upload_->Finish().ok());
  EXPECT_EQ(calls_, 1u);
}

TEST_F(ResumingUploadTest, ARefusalEndsIt) {
  Begin({{.takes = 1, .end = Error{.code = ErrorCode::kNotFound, .reason = "GROUP_NOT_FOUND"}}});
  EXPECT_TRUE(Write(1));
  EXPECT_FALSE(Write(2));
  EXPECT_EQ(upload_->Finish().error().reason, "GROUP_NOT_FOUND");
  EXPECT_EQ(calls_, 1u);
}

TEST_F(ResumingUploadTest, ALargeOneIsNotKeptAndEndsWithTheLoss) {
  Begin({{.takes = 3, .end = Lost()}}, /*most_kept=*/20);
  for (uint64_t number = 1; number <= 3; ++number) EXPECT_TRUE(Write(number));
  EXPECT_FALSE(Write(4));
  EXPECT_EQ(upload_->Finish().error().reason, "CONNECTION_LOST");
  EXPECT_EQ(calls_, 1u);
}

TEST_F(ResumingUploadTest, ADaemonThatWasNeverReachedIsNotWaitedFor) {
  *reached_ = false;
  Begin({{.takes = 0, .end = Unavailable("UNREACHABLE")}});
  EXPECT_FALSE(Write(1));
  EXPECT_EQ(upload_->Finish().error().reason, "UNREACHABLE");
}

TEST_F(ResumingUploadTest, OneThatIsCancelledGoesOnNoMore) {
  Begin({{.takes = 1, .end = Lost()}});
  EXPECT_TRUE(Write(1));
  upload_->Cancel();
  EXPECT_TRUE(sent_[0].cancelled);
  EXPECT_FALSE(Write(2));
  EXPECT_EQ(upload_->Finish().error().reason, "CONNECTION_LOST");
  EXPECT_EQ(calls_, 1u);
}

TEST_F(ResumingUploadTest, ACancelReachesTheCallThatIsBeingMade) {
  cancelled_while_begun_ = 1;
  Begin({{.takes = 1, .end = Lost()}, {.answers = true}});
  EXPECT_TRUE(Write(1));
  (void)Write(2);
  EXPECT_EQ(calls_, 2u);
  EXPECT_TRUE(sent_[1].cancelled);
}

}  // namespace
}  // namespace covey::client
