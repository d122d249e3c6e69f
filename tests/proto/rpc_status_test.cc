#include "proto/rpc_status.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

#if __has_include(<google/protobuf/stubs/logging.h>)  // before Protobuf 22
#include <google/protobuf/stubs/logging.h>
#endif

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace covey::rpc {
namespace {

using std::chrono::nanoseconds;

// What Google's messages read from `bytes`, as Decode says it; nullopt when they do not take them.
std::optional<StatusDetails> DecodeByGoogle(const std::string& bytes) {
  google::rpc::Status status;
  if (!status.ParseFromString(bytes)) return std::nullopt;
  StatusDetails details{.code = static_cast<Code>(status.code()), .message = status.message()};
  for (const google::protobuf::Any& any : status.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    google::rpc::RetryInfo retry;
    if (any.Is<google::rpc::ErrorInfo>() && any.UnpackTo(&info)) {
      details.error_infos.push_back({.reason = info.reason(),
                                     .domain = info.domain(),
                                     .metadata = {info.metadata().begin(), info.metadata().end()}});
    } else if (any.Is<google::rpc::BadRequest>() && any.UnpackTo(&bad)) {
      for (const auto& violation : bad.field_violations()) {
        details.field_violations.push_back({violation.field(), violation.description()});
      }
    } else if (any.Is<google::rpc::RetryInfo>() && any.UnpackTo(&retry) && retry.has_retry_delay()) {
      details.retry_delay =
          std::chrono::seconds(retry.retry_delay().seconds()) + nanoseconds(retry.retry_delay().nanos());
    }
  }
  return details;
}

std::string Text(const std::optional<StatusDetails>& status) {
  if (!status) return "none";
  std::string text = std::to_string(static_cast<int>(status->code)) + " " + status->message;
  for (const ErrorInfo& info : status->error_infos) {
    text += "\ninfo " + info.reason + " " + info.domain;
    for (const auto& [key, value] : info.metadata) text += " " + key + "=" + value;
  }
  for (const FieldViolation& violation : status->field_violations) {
    text += "\nfield " + violation.field + ": " + violation.description;
  }
  if (status->retry_delay) text += "\nretry " + std::to_string(status->retry_delay->count());
  return text;
}

StatusDetails Example() {
  return {.code = Code::kInvalidArgument,
          .message = "two fields are bad",
          .error_infos = {{.reason = "BAD_FIELDS", .domain = "covey", .metadata = {{"a", "1"}, {"b", ""}}}},
          .field_violations = {{"spec.limit", "must be 1..65536, got 0"}, {"tasks[1].name", ""}},
          .retry_delay = std::chrono::milliseconds(1'500)};
}

TEST(RpcStatusTest, GoogleReadsWhatIsEncoded) {
  const std::string bytes = Encode(Example());
  EXPECT_EQ(Text(DecodeByGoogle(bytes)), Text(Example()));
  EXPECT_EQ(Text(Decode(bytes)), Text(Example()));
  EXPECT_EQ(Encode({}), "");
  EXPECT_EQ(Text(Decode("")), "0 ");
  StatusDetails empty;
  empty.code = static_cast<Code>(-1);
  empty.error_infos.emplace_back();
  empty.field_violations.emplace_back();
  empty.retry_delay = nanoseconds(-1);
  EXPECT_EQ(Text(DecodeByGoogle(Encode(empty))), Text(empty));
  EXPECT_EQ(Text(Decode(Encode(empty))), Text(empty));
}

TEST(RpcStatusTest, WhatGoogleEncodesIsRead) {
  google::rpc::Status status;
  status.set_code(14);
  status.set_message("come back later");
  google::rpc::ErrorInfo info;
  info.set_domain("proxy.example");
  info.set_reason("BUSY");
  status.add_details()->PackFrom(info, "example.org/types/");
  status.add_details()->set_type_url("type.googleapis.com/some.Unknown");
  status.add_details()->set_type_url("no slash");
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(3);
  status.add_details()->PackFrom(retry);
  EXPECT_EQ(Text(Decode(status.SerializeAsString())),
            "14 come back later\ninfo BUSY proxy.example\nretry 3000000000");
}

TEST(RpcStatusTest, ADetailThatCannotBeReadIsDropped) {
  google::rpc::Status status;
  for (const char* type : {"ErrorInfo", "BadRequest", "RetryInfo"}) {
    google::protobuf::Any& any = *status.add_details();
    any.set_type_url(std::string("type.googleapis.com/google.rpc.") + type);
    any.set_value("\x0a\x05no");
  }
  EXPECT_EQ(Text(Decode(status.SerializeAsString())), "0 ");
  EXPECT_EQ(Decode("\xff no protobuf"), std::nullopt);
  EXPECT_EQ(Decode("\x1a\x02\x0a\x05"), std::nullopt);  // half an Any
}

TEST(RpcStatusTest, AnEndlessDelayIsCut) {
  for (const int64_t seconds : {std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_seconds(seconds);
    retry.mutable_retry_delay()->set_nanos(seconds > 0 ? std::numeric_limits<int32_t>::max()
                                                       : std::numeric_limits<int32_t>::min());
    google::rpc::Status status;
    status.add_details()->PackFrom(retry);
    const std::optional<StatusDetails> read = Decode(status.SerializeAsString());
    ASSERT_TRUE(read && read->retry_delay);
    EXPECT_GT(std::chrono::abs(*read->retry_delay), std::chrono::hours(24 * 365 * 290));
    EXPECT_EQ(*read->retry_delay > nanoseconds(0), seconds > 0);
  }
}

// Bytes that were changed at random are read as Google reads them, and never beyond their end (which the
// sanitizers see).
TEST(RpcStatusTest, AnyBytesAreReadAsGoogleReadsThem) {
#if __has_include(<google/protobuf/stubs/logging.h>)
  google::protobuf::LogSilencer silencer;
#endif
  std::minstd_rand random(20'261'127);
  const auto below = [&random](size_t bound) { return random() % bound; };
  const std::string whole = Encode(Example());
  int taken = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes = whole;
    for (size_t changes = 1 + below(4); changes > 0; --changes) {
      const size_t at = below(bytes.size());
      switch (below(4)) {
        case 0:
          bytes[at] = static_cast<char>(below(256));
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
          break;
        case 2:
          bytes.erase(at, below(8));
          break;
        default:
          bytes.insert(at, bytes.substr(below(bytes.size()), below(8)));
          break;
      }
      if (bytes.empty()) bytes = whole;
    }
    const std::vector<char> exact(bytes.begin(), bytes.end());  // nothing behind its end
    const std::optional<StatusDetails> read = Decode({exact.data(), exact.size()});
    const std::optional<StatusDetails> expected = DecodeByGoogle(bytes);
    // Google refuses strings that are not UTF-8, which Decode does not look at.
    const std::string text = Text(read);
    if (!expected || std::any_of(text.begin(), text.end(), [](char c) { return c < 0; })) continue;
    ++taken;
    ASSERT_EQ(text, Text(expected)) << testing::PrintToString(bytes);
  }
  EXPECT_GT(taken, 5'000);
}

}  // namespace
}  // namespace covey::rpc
