#include "server/services/output_position.h"

#include <gtest/gtest.h>

namespace covey {
namespace {

TEST(OutputPosition, IsReadAsItWasWritten) {
  OutputPosition position{.after = UINT64_MAX};
  EXPECT_EQ(OutputPosition::Decode(position.Encode()), position);
  position.after = 300;
  position.sent[{0, 1, OutputStream::kStdout}] = {.offset = 127};
  position.sent[{0, 1, OutputStream::kStderr}] = {.offset = 128, .end = true};
  position.sent[{UINT32_MAX, UINT32_MAX, OutputStream::kStderr}] = {.offset = UINT64_MAX};
  EXPECT_EQ(OutputPosition::Decode(position.Encode()), position);
}

TEST(OutputPosition, WhatWasNotBegunTakesNoRoom) {
  OutputPosition position;
  const size_t size = position.Encode().size();
  position.sent[{7, 1, OutputStream::kStdout}] = {};
  EXPECT_EQ(position.Encode().size(), size);
}

TEST(OutputPosition, OtherBytesAreRefused) {
  OutputPosition position{.after = 5};
  position.sent[{1, 1, OutputStream::kStdout}] = {.offset = 1'000'000};
  const std::string bytes = position.Encode();
  for (size_t size = 3; size < bytes.size(); ++size) {
    EXPECT_EQ(OutputPosition::Decode(bytes.substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(OutputPosition::Decode(""), std::nullopt);
  EXPECT_EQ(OutputPosition::Decode("x" + bytes.substr(1)), std::nullopt) << "another version";
  EXPECT_EQ(OutputPosition::Decode(bytes + bytes.substr(2)), std::nullopt) << "a stream twice";
  using namespace std::string_literals;
  EXPECT_EQ(OutputPosition::Decode("\1\5\1\0\0\1"s), std::nullopt) << "attempt 0";
  EXPECT_EQ(OutputPosition::Decode("\1\5\1\1\4\1"s), std::nullopt) << "an unknown flag";
  EXPECT_EQ(OutputPosition::Decode("\1"s + std::string(9, '\xff') + "\2"s), std::nullopt) << "65 bits";
  EXPECT_EQ(OutputPosition::Decode("\1"s + std::string(11, '\x80')), std::nullopt);
}

}  // namespace
}  // namespace covey
