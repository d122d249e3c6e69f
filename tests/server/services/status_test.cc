#include "server/services/status.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "proto/rpc_status.h"

namespace covey {
namespace {

TEST(StatusTest, CarriesCodeMessageReasonAndFields) {
  const grpc::Status status = ToGrpc({.code = ErrorCode::kInvalidArgument,
                                      .reason = "BAD_REQUEST",
                                      .message = "name: name must be set",
                                      .fields = {{"name", "name must be set"}, {"max", "max must be 1..2"}}});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "name: name must be set");
  const auto details = rpc::Decode(status.error_details());
  ASSERT_TRUE(details);
  EXPECT_EQ(details->code, rpc::Code::kInvalidArgument);
  EXPECT_EQ(details->message, "name: name must be set");
  ASSERT_EQ(details->error_infos.size(), 1u);
  EXPECT_EQ(details->error_infos[0].reason, "BAD_REQUEST");
  EXPECT_EQ(details->error_infos[0].domain, "covey");
  ASSERT_EQ(details->field_violations.size(), 2u);
  EXPECT_EQ(details->field_violations[1].field, "max");
  EXPECT_EQ(details->field_violations[1].description, "max must be 1..2");
}

TEST(StatusTest, SaysWhenToTryAgainWhereThatMayHelp) {
  const auto delay = [](const std::string& reason) {
    const grpc::Status status = ToGrpc({.code = ErrorCode::kUnavailable, .reason = reason});
    return rpc::Decode(status.error_details())->retry_delay;
  };
  EXPECT_EQ(delay("QUEUE_FULL"), std::chrono::seconds(1));
  EXPECT_EQ(delay("JOURNAL_UNWRITABLE"), std::chrono::seconds(1));
  EXPECT_EQ(delay("DRAINING"), std::nullopt);
  EXPECT_EQ(delay("GROUP_NOT_FOUND"), std::nullopt);
}

TEST(StatusTest, EveryCodeHasItsOwn) {
  const std::pair<ErrorCode, grpc::StatusCode> codes[] = {
      {ErrorCode::kInvalidArgument, grpc::StatusCode::INVALID_ARGUMENT},
      {ErrorCode::kNotFound, grpc::StatusCode::NOT_FOUND},
      {ErrorCode::kAlreadyExists, grpc::StatusCode::ALREADY_EXISTS},
      {ErrorCode::kPermissionDenied, grpc::StatusCode::PERMISSION_DENIED},
      {ErrorCode::kFailedPrecondition, grpc::StatusCode::FAILED_PRECONDITION},
      {ErrorCode::kResourceExhausted, grpc::StatusCode::RESOURCE_EXHAUSTED},
      {ErrorCode::kUnavailable, grpc::StatusCode::UNAVAILABLE},
      {ErrorCode::kCancelled, grpc::StatusCode::CANCELLED},
      {ErrorCode::kDeadlineExceeded, grpc::StatusCode::DEADLINE_EXCEEDED},
      {ErrorCode::kUnimplemented, grpc::StatusCode::UNIMPLEMENTED},
      {ErrorCode::kInternal, grpc::StatusCode::INTERNAL},
  };
  for (const auto& [ours, theirs] : codes) EXPECT_EQ(ToGrpc({.code = ours}).error_code(), theirs);
}

// gRPC refuses header lists over 8 KiB, and then the call ends without its status.
TEST(StatusTest, StaysBelowTheBoundOfHeaders) {
  Error error{
      .code = ErrorCode::kInvalidArgument, .reason = "BAD_REQUEST", .message = std::string(100'000, 'm')};
  for (int i = 0; i < 100; ++i) error.fields.push_back({std::string(1000, 'f'), std::string(10'000, 'd')});
  const grpc::Status status = ToGrpc(error);
  EXPECT_LT(status.error_message().size() + status.error_details().size() * 4 / 3, 8192u);
  const auto details = rpc::Decode(status.error_details());
  ASSERT_TRUE(details);
  EXPECT_GE(details->field_violations.size(), 1u);
  EXPECT_LT(details->field_violations.size(), 100u);
}

TEST(StatusTest, CutsBetweenCharacters) {
  std::string umlauts;
  while (umlauts.size() < 3000) umlauts += "\xc3\xa4";
  for (const std::string& message : {umlauts, "x" + umlauts}) {
    const std::string cut = ToGrpc({.message = message}).error_message();
    EXPECT_TRUE(cut.ends_with("\xc3\xa4…"));
  }
}

}  // namespace
}  // namespace covey
