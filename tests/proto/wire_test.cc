#include "proto/wire.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace covey::wire {
namespace {

using std::string_literals::operator""s;

// "1:5 2:'ab'", or "?" when `bytes` cannot be read.
std::string Fields(std::string_view bytes) {
  Reader reader(bytes);
  std::string text;
  while (const std::optional<Field> field = reader.Next()) {
    text += std::to_string(field->number) + ":";
    if (field->type == Type::kVarint) text += std::to_string(field->varint);
    if (field->type == Type::kBytes) text += "'" + std::string(field->bytes) + "'";
    text += " ";
  }
  return reader.ok() ? text : "?";
}

TEST(WireTest, WhatIsWrittenIsRead) {
  Writer out;
  out.AddVarint(1, 5);
  out.AddVarint(2, UINT64_MAX);
  out.AddVarint(3, 0);
  out.AddBytes(4, "ab");
  out.AddBytes(5, "");
  out.AddMessage(6, "");
  out.AddVarint(536'870'911, 300);
  EXPECT_EQ(Fields(out.Take()), "1:5 2:18446744073709551615 4:'ab' 6:'' 536870911:300 ");
}

TEST(WireTest, EveryTypeIsSkippedAsAWhole) {
  EXPECT_EQ(Fields("\x09"s
                   "12345678"
                   "\x10\x01"),
            "1: 2:1 ");  // fixed64
  EXPECT_EQ(Fields("\x0d"s
                   "1234"
                   "\x10\x01"),
            "1: 2:1 ");                                              // fixed32
  EXPECT_EQ(Fields("\x0b\x10\x07\x13\x14\x0c\x10\x01"), "1: 2:1 ");  // a group with a number and a group
}

TEST(WireTest, WhatIsNoMessageIsRefused) {
  EXPECT_EQ(Fields(""), "");
  for (const std::string& bytes : {
           "\x08"s,                                              // no value
           "\x08\x80"s,                                          // half of one
           "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,  // more than ten bytes
           "\x12\x03"
           "ab"s,                                            // two of three bytes
           "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s,  // of 2^64 - 1 bytes
           "\x09"
           "1234567"s,  // seven of eight
           "\x0d"
           "123"s,                                               // three of four
           "\x00\x01"s,                                          // number 0
           "\x0e"s, "\x0f"s,                                     // unknown types
           "\x0c"s,                                              // the end of no group
           "\x0b"s, "\x0b\x14"s, "\x0b\x0e\x0c"s,                // groups without their end
           "\xf8\xff\xff\xff\xff\x01\x01"s,                      // a number that is too large
           std::string(200, '\x0b') + std::string(200, '\x0c'),  // too deep
       }) {
    EXPECT_EQ(Fields(bytes), "?") << testing::PrintToString(bytes);
  }
}

}  // namespace
}  // namespace covey::wire
