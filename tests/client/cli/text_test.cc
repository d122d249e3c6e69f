#include "client/cli/text.h"

#include <gtest/gtest.h>

#include <clocale>
#include <random>
#include <string>

namespace covey::cli {
namespace {

std::string RandomBytes(std::mt19937_64* random, size_t most) {
  // Bytes that meet often in broken UTF-8 and in escape sequences.
  constexpr char kBytes[] = "a \n\t\r\x1b\x7f\x00\x80\xbf\xc2\xe2\x82\xac\xf0\x9f\x98\x80\xff\"\\";
  std::string bytes(std::uniform_int_distribution<size_t>(0, most)(*random), '\0');
  for (char& byte : bytes)
    byte = kBytes[std::uniform_int_distribution<size_t>(0, sizeof(kBytes) - 2)(*random)];
  return bytes;
}

bool HasControl(const std::string& text, const std::string& allowed) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 || byte == 0x7F) && allowed.find(c) == std::string::npos) return true;
  }
  return false;
}

TEST(TextTest, ControlBytesAreWritten) {
  EXPECT_EQ(Printable("a\x1b[31mb\n\t\r\x7f"), "a\\x1b[31mb\\n\\t\\r\\x7f");
  EXPECT_EQ(Printable(std::string("\0x", 2)), "\\x00x");
  EXPECT_EQ(Printable("gr\xc3\xbc\xc3\x9f"), "grüß");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xc2\\x9b");           // CSI as one character
  EXPECT_EQ(Printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");  // turns the direction of writing
  EXPECT_EQ(Printable("\xff\xc0\x80\xed\xa0\x80"), "\\xff\\xc0\\x80\\xed\\xa0\\x80");
  EXPECT_EQ(PrintableLines("a\n\tb\x1b"), "a\n\tb\\x1b");
}

TEST(TextTest, WhateverComesInWhatGoesOutIsSafe) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string bytes = RandomBytes(&random, 40);
    const std::string printable = Printable(bytes);
    EXPECT_FALSE(HasControl(printable, ""));
    EXPECT_TRUE(IsUtf8(printable));
    EXPECT_EQ(Printable(printable), printable);  // safe text stays
    EXPECT_FALSE(HasControl(PrintableLines(bytes), "\n\t"));
    const std::string quoted = JsonQuote(bytes);
    EXPECT_FALSE(HasControl(quoted, ""));
    EXPECT_TRUE(IsUtf8(quoted));
    for (size_t columns = 0; columns < 8; ++columns) EXPECT_LE(Width(Cut(printable, columns)), columns);
  }
}

TEST(TextTest, WidthCountsColumns) {
  setlocale(LC_CTYPE, "C.UTF-8");
  EXPECT_EQ(Width("abc"), 3U);
  EXPECT_EQ(Width("grüß"), 4U);
  EXPECT_EQ(Width("日本"), 4U);
  EXPECT_EQ(Cut("abcdef", 6), "abcdef");
  EXPECT_EQ(Cut("abcdefg", 6), "abcde…");
  EXPECT_EQ(Cut("日本語", 4), "日…");
  EXPECT_EQ(Cut("abc", 0), "");
}

TEST(TextTest, JsonQuotes) { EXPECT_EQ(JsonQuote("a\"b\\c\n\t\xff"), "\"a\\\"b\\\\c\\n\\u0009\\ufffd\""); }

}  // namespace
}  // namespace covey::cli
