#include "client/cli/each_template.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace covey::cli {
namespace {

std::string Expanded(const std::string& word, const std::string& argument, uint64_t number = 1) {
  return EachTemplate({"x", word}).Expand(argument, number)[1];
}

// As GNU parallel 20221122 prints them: the argument, {.}, {/}, {//} and {/.}.
TEST(EachTemplateTest, PlaceholdersAreThoseOfParallel) {
  constexpr std::array<std::array<const char*, 5>, 12> kCases = {{
      {"a.b/c.tar.gz", "a.b/c.tar", "c.tar.gz", "a.b", "c.tar"},
      {".bashrc", "", ".bashrc", ".", ""},
      {"sub.dir/bar", "sub.dir/bar", "bar", "sub.dir", "bar"},
      {"foo", "foo", "foo", ".", "foo"},
      {"dir/", "dir/", "", ".", ""},
      {"/a", "/a", "a", "/", "a"},
      {"/", "/", "", "/", ""},
      {"a//b.x", "a//b", "b.x", "a", "b"},
      {"x.", "x", "x.", ".", "x"},
      {"a b.c", "a b", "a b.c", ".", "a b"},
      {"", "", "", ".", ""},
      {"./-n", "./-n", "-n", ".", "-n"},
  }};
  for (const auto& [argument, no_extension, last, folder, last_no_extension] : kCases) {
    EXPECT_EQ(Expanded("{}", argument), argument);
    EXPECT_EQ(Expanded("{.}", argument), no_extension) << argument;
    EXPECT_EQ(Expanded("{/}", argument), last) << argument;
    EXPECT_EQ(Expanded("{//}", argument), folder) << argument;
    EXPECT_EQ(Expanded("{/.}", argument), last_no_extension) << argument;
  }
  EXPECT_EQ(Expanded("{#}", "x", 17), "17");
}

TEST(EachTemplateTest, ManyInOneWordAndInMany) {
  const EachTemplate words({"convert", "{}", "out/{/.}-{#}.jpg", "{//}{.}{}"});
  EXPECT_EQ(words.Expand("in/a.png", 3),
            (std::vector<std::string>{"convert", "in/a.png", "out/a-3.jpg", "inin/ain/a.png"}));
}

TEST(EachTemplateTest, WithoutAPlaceholderTheArgumentComesLast) {
  EXPECT_EQ(EachTemplate({"gzip", "-9"}).Expand("a b", 1), (std::vector<std::string>{"gzip", "-9", "a b"}));
  EXPECT_EQ(EachTemplate({"{}"}).Expand("true", 1), (std::vector<std::string>{"true"}));
}

TEST(EachTemplateTest, WhatIsNoPlaceholderStays) {
  EXPECT_EQ(EachTemplate({"awk", "{print $1}", "{{}}"}).Expand("f", 1),
            (std::vector<std::string>{"awk", "{print $1}", "{f}"}));
  EXPECT_EQ(Expanded("{x}{", "f"), "{x}{");
  EXPECT_EQ(Expanded("{%}{1}", "f"), "{%}{1}");
}

TEST(EachTemplateTest, AnArgumentIsNotLookedIntoAgain) { EXPECT_EQ(Expanded("{}", "{#}{/}"), "{#}{/}"); }

}  // namespace
}  // namespace covey::cli
