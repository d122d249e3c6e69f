#include "client/error_table.h"

#include <gtest/gtest.h>

#include <string>

#include "client/error_code.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/client/fake_daemon.h"

namespace covey::client {
namespace {

TEST(ErrorTableTest, EveryCodeHasItsError) {
  struct Row {
    grpc::StatusCode grpc_code;
    ErrorCode code;
    std::string_view reason;
  };
  const Row rows[] = {
      {grpc::StatusCode::CANCELLED, ErrorCode::kCancelled, "CANCELLED"},
      {grpc::StatusCode::UNKNOWN, ErrorCode::kInternal, "UNKNOWN"},
      {grpc::StatusCode::INVALID_ARGUMENT, ErrorCode::kInvalidArgument, "INVALID_ARGUMENT"},
      {grpc::StatusCode::DEADLINE_EXCEEDED, ErrorCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"},
      {grpc::StatusCode::NOT_FOUND, ErrorCode::kNotFound, "NOT_FOUND"},
      {grpc::StatusCode::ALREADY_EXISTS, ErrorCode::kAlreadyExists, "ALREADY_EXISTS"},
      {grpc::StatusCode::PERMISSION_DENIED, ErrorCode::kPermissionDenied, "PERMISSION_DENIED"},
      {grpc::StatusCode::UNAUTHENTICATED, ErrorCode::kInternal, "UNAUTHENTICATED"},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, ErrorCode::kResourceExhausted, "RESOURCE_EXHAUSTED"},
      {grpc::StatusCode::FAILED_PRECONDITION, ErrorCode::kFailedPrecondition, "FAILED_PRECONDITION"},
      {grpc::StatusCode::ABORTED, ErrorCode::kFailedPrecondition, "ABORTED"},
      {grpc::StatusCode::OUT_OF_RANGE, ErrorCode::kInvalidArgument, "OUT_OF_RANGE"},
      {grpc::StatusCode::UNIMPLEMENTED, ErrorCode::kUnimplemented, "UNIMPLEMENTED"},
      {grpc::StatusCode::INTERNAL, ErrorCode::kInternal, "INTERNAL"},
      {grpc::StatusCode::UNAVAILABLE, ErrorCode::kUnavailable, "UNAVAILABLE"},
      {grpc::StatusCode::DATA_LOSS, ErrorCode::kDataLoss, "DATA_LOSS"},
  };
  for (const Row& row : rows) {
    const Error error = FromGrpc(grpc::Status(row.grpc_code, "what happened"));
    EXPECT_EQ(error.code, row.code) << row.reason;
    EXPECT_EQ(error.reason, row.reason);
    EXPECT_EQ(error.message, "what happened");
    EXPECT_TRUE(error.fields.empty());
  }
}

TEST(ErrorTableTest, DetailsGiveReasonAndFields) {
  const Error error =
      FromGrpc(DetailedStatus(grpc::StatusCode::INVALID_ARGUMENT, "bad request", "BAD_FIELDS",
                              {{"spec.limit", "must be 1..65536, got 0"}, {"tasks[1].name", "is taken"}}));
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.reason, "BAD_FIELDS");
  ASSERT_EQ(error.fields.size(), 2U);
  EXPECT_EQ(error.fields[0].field, "spec.limit");
  EXPECT_EQ(error.fields[0].description, "must be 1..65536, got 0");
  EXPECT_EQ(error.fields[1].field, "tasks[1].name");
}

TEST(ErrorTableTest, DetailsOfOthersAreNotOurs) {
  google::rpc::ErrorInfo info;
  info.set_domain("proxy.example");
  info.set_reason("BLOCKED");
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  details.add_details()->set_type_url("type.googleapis.com/some.Unknown");
  EXPECT_EQ(FromGrpc({grpc::StatusCode::NOT_FOUND, "x", details.SerializeAsString()}).reason, "NOT_FOUND");
  EXPECT_EQ(FromGrpc({grpc::StatusCode::NOT_FOUND, "x", "\xff no protobuf"}).reason, "NOT_FOUND");
}

TEST(ErrorTableTest, AnEmptyMessageIsFilled) {
  EXPECT_FALSE(FromGrpc({grpc::StatusCode::INTERNAL, ""}).message.empty());
}

TEST(ErrorTableTest, NamesAreThoseOfGrpc) {
  EXPECT_EQ(Name(ErrorCode::kInvalidArgument), "INVALID_ARGUMENT");
  EXPECT_EQ(Name(ErrorCode::kUnavailable), "UNAVAILABLE");
  EXPECT_EQ(Name(ErrorCode::kInternal), "INTERNAL");
  EXPECT_EQ(Name(ErrorCode::kDataLoss), "DATA_LOSS");
}

}  // namespace
}  // namespace covey::client
