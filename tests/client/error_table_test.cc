#include "client/error_table.h"

#include <gtest/gtest.h>

#include <string>

#include "covey/client/error_code.h"

namespace covey::client {
namespace {

using rpc::Code;

constexpr char kAddress[] = "unix:/s";

TEST(ErrorTableTest, EveryCodeHasItsError) {
  struct Row {
    Code rpc_code;
    ErrorCode code;
    std::string_view reason;
  };
  const Row rows[] = {
      {Code::kCancelled, ErrorCode::kCancelled, "CANCELLED"},
      {Code::kUnknown, ErrorCode::kInternal, "UNKNOWN"},
      {Code::kInvalidArgument, ErrorCode::kInvalidArgument, "INVALID_ARGUMENT"},
      {Code::kDeadlineExceeded, ErrorCode::kDeadlineExceeded, "DEADLINE_EXCEEDED"},
      {Code::kNotFound, ErrorCode::kNotFound, "NOT_FOUND"},
      {Code::kAlreadyExists, ErrorCode::kAlreadyExists, "ALREADY_EXISTS"},
      {Code::kPermissionDenied, ErrorCode::kPermissionDenied, "PERMISSION_DENIED"},
      {Code::kUnauthenticated, ErrorCode::kInternal, "UNAUTHENTICATED"},
      {Code::kResourceExhausted, ErrorCode::kResourceExhausted, "RESOURCE_EXHAUSTED"},
      {Code::kFailedPrecondition, ErrorCode::kFailedPrecondition, "FAILED_PRECONDITION"},
      {Code::kAborted, ErrorCode::kFailedPrecondition, "ABORTED"},
      {Code::kOutOfRange, ErrorCode::kInvalidArgument, "OUT_OF_RANGE"},
      {Code::kUnimplemented, ErrorCode::kUnimplemented, "UNIMPLEMENTED"},
      {Code::kInternal, ErrorCode::kInternal, "INTERNAL"},
      {Code::kDataLoss, ErrorCode::kDataLoss, "DATA_LOSS"},
  };
  for (const Row& row : rows) {
    const Error error =
        ErrorOf({.code = row.rpc_code, .message = "what happened", .cancelled = true}, kAddress);
    EXPECT_EQ(error.code, row.code) << row.reason;
    EXPECT_EQ(error.reason, row.reason);
    EXPECT_EQ(error.message, "what happened");
    EXPECT_TRUE(error.fields.empty());
  }
  EXPECT_EQ(ErrorOf({.code = static_cast<Code>(99), .message = "x"}, kAddress).reason, "UNKNOWN");
}

TEST(ErrorTableTest, RetryInfoSaysWhenToTryAgain) {
  rpc::StatusDetails details;
  details.error_infos = {{.reason = "QUEUE_FULL", .domain = "covey", .metadata = {}}};
  const auto after = [&] {
    std::optional<std::chrono::nanoseconds> told = std::chrono::hours(1);  // of an earlier call
    (void)ErrorOf({.code = Code::kResourceExhausted, .message = "m", .details = rpc::Encode(details)},
                  kAddress, &told);
    return told;
  };
  EXPECT_EQ(after(), std::nullopt);
  details.retry_delay = std::chrono::milliseconds(1'500);
  EXPECT_EQ(after(), std::chrono::milliseconds(1'500));
}

TEST(ErrorTableTest, DetailsGiveReasonAndFields) {
  rpc::StatusDetails details;
  details.error_infos = {{.reason = "BAD_FIELDS", .domain = "covey", .metadata = {}}};
  details.field_violations = {{"spec.limit", "must be 1..65536, got 0"}, {"tasks[1].name", "is taken"}};
  const Error error = ErrorOf(
      {.code = Code::kInvalidArgument, .message = "bad request", .details = rpc::Encode(details)}, kAddress);
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.reason, "BAD_FIELDS");
  EXPECT_EQ(error.message, "bad request");
  ASSERT_EQ(error.fields.size(), 2U);
  EXPECT_EQ(error.fields[0].field, "spec.limit");
  EXPECT_EQ(error.fields[0].description, "must be 1..65536, got 0");
  EXPECT_EQ(error.fields[1].field, "tasks[1].name");
}

TEST(ErrorTableTest, DetailsOfOthersAreNotOurs) {
  rpc::StatusDetails details;
  details.error_infos = {{.reason = "BLOCKED", .domain = "proxy.example", .metadata = {}},
                         {.reason = "", .domain = "covey", .metadata = {}}};
  for (const std::string& bytes : {rpc::Encode(details), std::string("\xff no protobuf")}) {
    EXPECT_EQ(ErrorOf({.code = Code::kNotFound, .message = "x", .details = bytes}, kAddress).reason,
              "NOT_FOUND");
  }
}

TEST(ErrorTableTest, WithoutDetailsTheTransportSpeaks) {
  const Error never = ErrorOf({.code = Code::kUnavailable,
                               .message = "failed to connect to all addresses; last error: UNKNOWN: "
                                          "unix:/s: No such file or directory"},
                              kAddress);
  EXPECT_EQ(never.reason, "UNREACHABLE");
  EXPECT_NE(never.message.find("(unix:/s: No such file or directory)"), std::string::npos) << never.message;
  const Error forbidden = ErrorOf({.code = Code::kUnavailable,
                                   .message = "failed to connect to all addresses; last error: UNKNOWN: "
                                              "unix:/s: Permission denied"},
                                  kAddress);
  EXPECT_EQ(forbidden.reason, "UNREACHABLE");
  EXPECT_EQ(forbidden.message,
            "no permission to use the daemon at unix:/s (Permission denied): it is for its user and the "
            "group of its "
            "socket (socket_mode, socket_group)");
  const Error lost = ErrorOf({.code = Code::kUnavailable, .message = "Socket closed"}, kAddress);
  EXPECT_EQ(lost.code, ErrorCode::kUnavailable);
  EXPECT_EQ(lost.reason, "CONNECTION_LOST");
  EXPECT_EQ(lost.message, "lost the daemon at unix:/s (Socket closed)");
}

TEST(ErrorTableTest, ACancelThatNobodyAskedForIsALoss) {
  rpc::StatusDetails details;
  details.error_infos = {{.reason = "CALL_CANCELLED", .domain = "covey", .metadata = {}}};
  CallEnd end{.code = Code::kCancelled, .message = "CANCELLED"};
  EXPECT_EQ(ErrorOf(end, kAddress).reason, "CONNECTION_LOST");
  EXPECT_EQ(ErrorOf(end, kAddress).code, ErrorCode::kUnavailable);
  end.cancelled = true;
  EXPECT_EQ(ErrorOf(end, kAddress).reason, "CANCELLED");
  end = {.code = Code::kCancelled, .message = "m", .details = rpc::Encode(details)};  // the daemon's own word
  EXPECT_EQ(ErrorOf(end, kAddress).code, ErrorCode::kCancelled);
  EXPECT_EQ(ErrorOf(end, kAddress).reason, "CALL_CANCELLED");
}

TEST(ErrorTableTest, AnEmptyMessageIsFilled) {
  EXPECT_FALSE(ErrorOf({.code = Code::kInternal}, kAddress).message.empty());
  EXPECT_NE(ErrorOf({.code = Code::kUnimplemented}, kAddress).message.find("older"), std::string::npos);
}

TEST(ErrorTableTest, NamesAreThoseOfGrpc) {
  EXPECT_EQ(Name(ErrorCode::kInvalidArgument), "INVALID_ARGUMENT");
  EXPECT_EQ(Name(ErrorCode::kUnavailable), "UNAVAILABLE");
  EXPECT_EQ(Name(ErrorCode::kInternal), "INTERNAL");
  EXPECT_EQ(Name(ErrorCode::kDataLoss), "DATA_LOSS");
}

}  // namespace
}  // namespace covey::client
