#include "server/journal/token.h"

#include <gtest/gtest.h>

#include <random>

namespace covey {
namespace {

TEST(Token, ComesBackAsItWas) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 1000; ++i) {
    const Token token{.kind = Token::Kind::kPage, .values = {random(), random(), random()}};
    const std::string text = token.Encode(42);
    const auto decoded = Token::Decode(text, Token::Kind::kPage, 42);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->values, token.values);
    EXPECT_FALSE(Token::Decode(text, Token::Kind::kCursor, 42).has_value());
    EXPECT_FALSE(Token::Decode(text, Token::Kind::kPage, 43).has_value());
  }
}

TEST(Token, EveryChangedCharacterIsNoticed) {
  const std::string text = Token{.kind = Token::Kind::kCursor, .values = {1, 2, 3}}.Encode(42);
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char c : {'A', 'z', '0', '-', ' ', '\0', '\x80'}) {
      std::string changed = text;
      changed[i] = c;
      EXPECT_EQ(Token::Decode(changed, Token::Kind::kCursor, 42).has_value(), changed == text);
    }
    EXPECT_FALSE(Token::Decode(text.substr(0, i), Token::Kind::kCursor, 42).has_value());
  }
}

}  // namespace
}  // namespace covey
