#include "client/cli/exit_code.h"

#include <gtest/gtest.h>

namespace covey::cli {
namespace {

v1::Failure Made(v1::FailureKind kind, int code, const char* task = "t") {
  v1::Failure failure;
  failure.set_kind(kind);
  failure.set_code(code);
  failure.set_task(task);
  return failure;
}

TEST(ExitCodeTest, OfFailures) {
  struct Row {
    v1::FailureKind kind;
    int code;
    int exit;
  };
  const Row rows[] = {
      {v1::FAILURE_KIND_EXIT, 7, 7},        {v1::FAILURE_KIND_EXIT, 126, 126},
      {v1::FAILURE_KIND_EXIT, 127, 127},    {v1::FAILURE_KIND_EXIT, 255, 255},
      {v1::FAILURE_KIND_EXIT, 0, 1},        {v1::FAILURE_KIND_EXIT, 256, 1},
      {v1::FAILURE_KIND_SIGNAL, 9, 137},    {v1::FAILURE_KIND_SIGNAL, 15, 143},
      {v1::FAILURE_KIND_SIGNAL, 0, 1},      {v1::FAILURE_KIND_SIGNAL, 1000, 1},
      {v1::FAILURE_KIND_TIMEOUT, 0, 124},   {v1::FAILURE_KIND_ERROR, 0, 1},
      {v1::FAILURE_KIND_ERROR, 3, 3},       {v1::FAILURE_KIND_ERROR, -1, 1},
      {v1::FAILURE_KIND_PANIC, 0, 1},       {v1::FAILURE_KIND_CANCELLED, 0, 1},
      {v1::FAILURE_KIND_LOST, 0, 1},        {v1::FAILURE_KIND_REJECTED, 3, 1},
      {v1::FAILURE_KIND_UNSPECIFIED, 9, 1},
  };
  for (const Row& row : rows)
    EXPECT_EQ(ExitCode(Made(row.kind, row.code)), row.exit) << row.kind << " " << row.code;
}

TEST(ExitCodeTest, OfGroups) {
  v1::GroupResult result;
  result.mutable_group()->set_state(v1::GROUP_STATE_SUCCEEDED);
  EXPECT_EQ(ExitCode(result), 0);
  *result.mutable_first_failure() = Made(v1::FAILURE_KIND_EXIT, 7);
  EXPECT_EQ(ExitCode(result), 0) << "a tolerated failure is no failure";

  result.mutable_group()->set_state(v1::GROUP_STATE_FAILED);
  *result.mutable_group()->mutable_failure() = Made(v1::FAILURE_KIND_EXIT, 8);
  EXPECT_EQ(ExitCode(result), 7) << "the first failure counts, not the one that decided";
  *result.mutable_group()->mutable_failure() = Made(v1::FAILURE_KIND_TIMEOUT, 0, "");
  EXPECT_EQ(ExitCode(result), 124) << "the group's own timeout decided";
  *result.mutable_group()->mutable_failure() = Made(v1::FAILURE_KIND_TIMEOUT, 0);
  EXPECT_EQ(ExitCode(result), 7);

  result.clear_first_failure();
  EXPECT_EQ(ExitCode(result), 124);
  *result.mutable_group()->mutable_failure() = Made(v1::FAILURE_KIND_ERROR, 0, "");
  EXPECT_EQ(ExitCode(result), 1);

  result.mutable_group()->set_state(v1::GROUP_STATE_CANCELLED);
  *result.mutable_first_failure() = Made(v1::FAILURE_KIND_EXIT, 7);
  EXPECT_EQ(ExitCode(result), 1);
}

TEST(ExitCodeTest, OfErrors) {
  const auto of = [](ErrorCode code) {
    return ExitCode(Error{.code = code, .reason = "", .message = "", .fields = {}});
  };
  EXPECT_EQ(of(ErrorCode::kUnavailable), 69);
  EXPECT_EQ(of(ErrorCode::kInvalidArgument), 64);
  EXPECT_EQ(of(ErrorCode::kDeadlineExceeded), 124);
  for (const ErrorCode code : {ErrorCode::kNotFound, ErrorCode::kAlreadyExists, ErrorCode::kPermissionDenied,
                               ErrorCode::kFailedPrecondition, ErrorCode::kResourceExhausted,
                               ErrorCode::kCancelled, ErrorCode::kUnimplemented, ErrorCode::kInternal}) {
    EXPECT_EQ(of(code), 1);
  }
}

}  // namespace
}  // namespace covey::cli
