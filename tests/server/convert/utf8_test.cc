#include "server/convert/utf8.h"

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <random>

#include "covey/v1/types.pb.h"

namespace covey {
namespace {

TEST(Utf8, SaysWhatIsValid) {
  for (const char* text : {"", "plain", "Gr\xC3\xBC\xC3\x9F", "\xE2\x82\xAC", "\xF0\x9F\x90\xA6",
                           "\xED\x9F\xBF", "\xEE\x80\x80", "\xF4\x8F\xBF\xBF", "\xEF\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  EXPECT_TRUE(IsUtf8(std::string(3, '\0')));
  for (const char* text : {"\x80", "\xC0\xAF", "\xC1\xBF", "\xC3", "\xE0\x9F\xBF", "\xE2\x82", "\xED\xA0\x80",
                           "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xFE"}) {
    EXPECT_FALSE(IsUtf8(text)) << text;
  }
}

TEST(Utf8, ReplacesWhatIsNot) {
  EXPECT_EQ(ToUtf8("ok"), "ok");
  EXPECT_EQ(ToUtf8("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(ToUtf8("cut\xE2\x82"), "cut\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Utf8, CountsCodePoints) {
  EXPECT_EQ(Utf8Length(""), 0u);
  EXPECT_EQ(Utf8Length("a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x90\xA6"), 4u);
}

// Protobuf is the judge: what it will parse in a string field.
TEST(Utf8, AgreesWithProtobuf) {
  const google::protobuf::LogSilencer silencer;
  std::mt19937 random(4);
  const char interesting[] = {'a',    '\x7F', '\x80', '\x8F', '\x90', '\x9F', '\xA0', '\xBF',
                              '\xC2', '\xE0', '\xED', '\xEF', '\xF0', '\xF4', '\xF5'};
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(1 + random() % 5, '\0');
    for (char& c : bytes) c = interesting[random() % sizeof interesting];
    v1::Payload data;
    data.set_data(bytes);
    std::string wire = data.SerializeAsString();
    wire[0] = 0x0A;  // the tag of `text`
    v1::Payload text;
    ASSERT_EQ(text.ParseFromString(wire), IsUtf8(bytes)) << testing::PrintToString(bytes);
    ASSERT_TRUE(IsUtf8(ToUtf8(bytes)));
  }
}

}  // namespace
}  // namespace covey
