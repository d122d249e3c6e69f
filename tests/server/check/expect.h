#pragma once

#include <gtest/gtest.h>

#include <string>

#include "server/check/check.h"

namespace covey {

inline std::string Told(const Violations& violations) {
  std::string text;
  for (const FieldViolation& violation : violations)
    text += violation.field + ": " + violation.description + "\n";
  return text;
}

}  // namespace covey

#define EXPECT_FINE(...) EXPECT_EQ(::covey::Told(::covey::Check(__VA_ARGS__)), "")
// Exactly this one thing is wrong, and told so.
#define EXPECT_WRONG(field, description, ...) \
  EXPECT_EQ(::covey::Told(::covey::Check(__VA_ARGS__)), std::string(field) + ": " + (description) + "\n")
// Exactly one thing is wrong, in this field.
#define EXPECT_WRONG_FIELD(path, ...)                              \
  do {                                                             \
    const ::covey::Violations wrong = ::covey::Check(__VA_ARGS__); \
    ASSERT_EQ(wrong.size(), 1u) << ::covey::Told(wrong);           \
    EXPECT_EQ(wrong[0].field, path) << wrong[0].description;       \
  } while (false)
