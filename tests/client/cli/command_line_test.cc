#include "client/cli/command_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/help.h"

namespace covey::cli {
namespace {

const std::vector<Option> kOptions = {
    {.name = "limit", .value = "N", .help = "h"},
    {.name = "file", .letter = 'f', .value = "FILE", .help = "h", .local = true},
    {.name = "label", .value = "K=V", .help = "h", .repeated = true},
    {.name = "tail", .letter = 'n', .value = "N", .help = "h"},
    {.name = "times", .letter = 't', .help = "h"},
    {.name = "detach", .help = "h"}};

Result<Arguments> Parse(const std::vector<std::string>& typed, bool stop_at_word = false) {
  return ParseArguments("covey test", kOptions, typed, stop_at_word);
}

std::string Complaint(const std::vector<std::string>& typed) {
  const Result<Arguments> parsed = Parse(typed);
  if (parsed.ok()) return "none";
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(parsed.error().reason, "USAGE");
  return parsed.error().message;
}

TEST(CommandLineTest, OptionsAndWordsMix) {
  const Result<Arguments> parsed =
      Parse({"a", "--limit", "3", "b", "--label=x=1", "--label", "y=2", "-f", "-", "--detach"});
  ASSERT_TRUE(parsed.ok());
  const Arguments& arguments = parsed.value();
  EXPECT_EQ(arguments.words(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(arguments.Get("limit"), "3");
  EXPECT_EQ(arguments.Get("file"), "-");
  EXPECT_EQ(arguments.All("label"), (std::vector<std::string>{"x=1", "y=2"}));
  EXPECT_TRUE(arguments.Has("detach"));
  EXPECT_FALSE(arguments.has_dashes());
  EXPECT_EQ(arguments.words_before_dashes(), 2U);
}

TEST(CommandLineTest, LettersStandTogetherAndAtTheirValue) {
  for (const std::vector<std::string>& typed : std::vector<std::vector<std::string>>{
           {"-n2", "-t", "w"}, {"-tn2", "w"}, {"-tn", "2", "w"}, {"-tn=2", "w"}, {"-n=2", "w", "-t"}}) {
    const Result<Arguments> parsed = Parse(typed);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed.value().Get("tail"), "2");
    EXPECT_TRUE(parsed.value().Has("times"));
    EXPECT_EQ(parsed.value().words(), std::vector<std::string>{"w"});
  }
  EXPECT_EQ(Parse({"-fa=b"}).value().Get("file"), "a=b");
  EXPECT_EQ(Parse({"-f-"}).value().Get("file"), "-");
}

TEST(CommandLineTest, NothingIsAnOptionBehindTheDashes) {
  const Result<Arguments> parsed = Parse({"--limit", "1", "--", "ls", "--limit", "--", "-x"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.value().words(), (std::vector<std::string>{"ls", "--limit", "--", "-x"}));
  EXPECT_EQ(parsed.value().words_before_dashes(), 0U);
  EXPECT_TRUE(parsed.value().has_dashes());
  const Result<Arguments> empty = Parse({"--"});
  EXPECT_TRUE(empty.value().has_dashes());
  EXPECT_TRUE(empty.value().words().empty());
}

TEST(CommandLineTest, TheFirstWordMayEndTheOptions) {
  const Result<Arguments> parsed = Parse({"--detach", "run", "--polcy", "x"}, true);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.value().words(), (std::vector<std::string>{"run", "--polcy", "x"}));
}

TEST(CommandLineTest, BadOptionsAreNamed) {
  EXPECT_EQ(Complaint({"--limt", "3"}), "unknown option --limt; did you mean --limit?");
  EXPECT_EQ(Complaint({"--zzzzzz=1"}), "unknown option --zzzzzz; see covey test --help");
  EXPECT_EQ(Complaint({"-x"}), "unknown option -x; see covey test --help");
  EXPECT_EQ(Complaint({"-file"}), "unknown option -file; did you mean --file?") << "not -f ile";
  EXPECT_EQ(Complaint({"-tx"}), "unknown option -tx; see covey test --help");
  EXPECT_EQ(Complaint({"-t=x"}), "-t takes no value");
  EXPECT_EQ(Complaint({"-tn"}), "-n needs a value: -n N");
  EXPECT_EQ(Complaint({"-tt"}), "--times is given twice");
  EXPECT_EQ(Complaint({"-P", "4"}), "unknown option -P; did you mean --limit?") << "of xargs";
  EXPECT_EQ(Complaint({"--jobs=4"}), "unknown option --jobs; did you mean --limit?") << "of parallel";
  EXPECT_EQ(Complaint({"-e", "A=b"}), "unknown option -e; see covey test --help") << "there is no --env";
  EXPECT_EQ(Complaint({"--limit"}), "--limit needs a value: --limit N");
  EXPECT_EQ(Complaint({"--detach=yes"}), "--detach takes no value");
  EXPECT_EQ(Complaint({"--limit=1", "--limit=2"}), "--limit is given twice");
  EXPECT_EQ(Complaint({"---"}), "unknown option ---; see covey test --help");
  EXPECT_EQ(Complaint({"--\x1b[2J"}), "unknown option --\\x1b[2J; see covey test --help");
}

TEST(CommandLineTest, NumbersHaveTheirRange) {
  EXPECT_EQ(ParseNumber("limit", "65536", 1, 65536).value(), 65536U);
  for (const std::string_view bad : {"0", "65537", "", "1x", " 1", "-1", "1.5", "99999999999999999999999"}) {
    const Result<uint64_t> parsed = ParseNumber("limit", bad, 1, 65536);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_NE(parsed.error().message.find("--limit must be 1..65536, got "), std::string::npos);
  }
}

TEST(CommandLineTest, PairsAreSplitAtTheFirstEquals) {
  const auto pairs = ParsePairs("env", {"A=1", "B=x=y", "C="});
  EXPECT_EQ(pairs.value(), (std::map<std::string, std::string>{{"A", "1"}, {"B", "x=y"}, {"C", ""}}));
  EXPECT_FALSE(ParsePairs("env", {"A"}).ok());
  EXPECT_FALSE(ParsePairs("env", {"=1"}).ok());
  EXPECT_FALSE(ParsePairs("env", {"A=1", "A=2"}).ok());
}

TEST(CommandLineTest, WhatIsNotUtf8IsNamed) {
  EXPECT_EQ(Complaint({"a", "--detach", "caf\xe9"}), "word 2 behind covey test must be UTF-8, got caf\\xe9");
  EXPECT_EQ(Complaint({"a", "--", "b", "caf\xe9"}), "word 3 behind covey test must be UTF-8, got caf\\xe9");
  EXPECT_EQ(Complaint({"--label", "a=1", "--label", "\xff=2"}), "--label must be UTF-8, got \\xff=2");
  EXPECT_EQ(Complaint({"--file", "caf\xe9"}), "none") << "a path of this machine";
  EXPECT_TRUE(Parse({"--file=caf\xe9", "show", "caf\xe9"}, true).ok()) << "the words are the command's";
}

TEST(CommandTest, EveryCommandExplainsItself) {
  for (const Command& command : Commands()) {
    const std::string help = CommandHelp(command);
    EXPECT_NE(help.find("Usage: covey " + std::string(command.name)), std::string::npos);
    EXPECT_NE(help.find("Examples:"), std::string::npos);
    EXPECT_NE(help.find("Exit codes:"), std::string::npos);
    for (const Option& option : command.options) {
      EXPECT_NE(help.find("--" + std::string(option.name)), std::string::npos) << command.name << option.name;
      EXPECT_FALSE(option.help.empty());
    }
    EXPECT_NE(OverviewHelp().find(command.summary), std::string::npos);
    for (size_t begin = 0; begin < help.size();) {
      const size_t end = help.find('\n', begin);
      EXPECT_LE(end - begin, 100U) << help.substr(begin, end - begin);
      begin = end + 1;
    }
  }
}

}  // namespace
}  // namespace covey::cli
