#include "server/log/line.h"

#include <gtest/gtest.h>

namespace covey {
namespace {

constexpr std::chrono::system_clock::time_point kTime{std::chrono::microseconds(1'795'825'723'250'001)};

LogLine Line(std::string message, std::vector<LogField> fields = {}) {
  return {.part = LogPart::kGroups,
          .level = LogLevel::kWarning,
          .kind = "group_decided",
          .message = std::move(message),
          .fields = std::move(fields),
          .time = kTime};
}

// Names of processes, files and tasks are any bytes.
const char kHostile[] =
    "a \"name\" \\ with\nits own line\r\x1b[2K, caf\xe9\x7f, \xc2\x9b"
    "31m and \xe2\x80\xa8 \xe2\x80\xa9.";

TEST(LogLineTest, TextIsOneLineWithItsFields) {
  EXPECT_EQ(AsText(Line("serving")), "2026-11-28T00:28:43.250Z warning serving\n");
  EXPECT_EQ(AsText(Line("group failed",
                        {{"group", "g-1"}, {"tasks", uint64_t{3}}, {"name", "two words"}, {"why", ""}})),
            "2026-11-28T00:28:43.250Z warning group failed group=g-1 tasks=3 name=\"two words\"\n");
}

TEST(LogLineTest, NothingInANameEndsTheLineOrReachesTheTerminal) {
  const std::string escaped =
      "its own line\\u000d\\u001b[2K, caf\xef\xbf\xbd\\u007f, \\u009b31m and \\u2028 \\u2029.";
  EXPECT_EQ(AsMessage(Line(kHostile)), "a \"name\" \\ with\\u000a" + escaped);
  EXPECT_EQ(AsMessage(Line("x", {{"task", kHostile}})),
            "x task=\"a \\\"name\\\" \\\\ with\\u000a" + escaped + "\"");
  // What looks like another field is none.
  EXPECT_EQ(AsMessage(Line("x", {{"task", "t group=other"}, {"name", "a=b"}})),
            "x task=\"t group=other\" name=\"a=b\"");
}

TEST(LogLineTest, JsonHasMessagePartKindAndFieldsByKey) {
  EXPECT_EQ(AsJson(Line(kHostile, {{"task", "\"\\\n\xff"}, {"failed", uint64_t{0}}, {"why", ""}})),
            R"({"time":"2026-11-28T00:28:43.250001Z","level":"warning",)"
            R"("message":"a \"name\" \\ with\u000aits own line\u000d\u001b[2K, caf)"
            "\xef\xbf\xbd"
            R"(\u007f, \u009b31m and \u2028 \u2029.","part":"groups","kind":"group_decided",)"
            R"("task":"\"\\\u000a)"
            "\xef\xbf\xbd"
            R"(","failed":0})"
            "\n");
}

TEST(LogLineTest, WhatIsLongIsCutBetweenCharacters) {
  const std::string text = AsMessage(Line(std::string(kMaxLogMessage - 1, 'x') + "\xc3\xa9 and more"));
  EXPECT_EQ(text, std::string(kMaxLogMessage - 1, 'x') + "…");
  EXPECT_EQ(AsMessage(Line("m", {{"task", std::string(100'000, 'y')}})),
            "m task=" + std::string(kMaxLogValue, 'y') + "…");
}

TEST(LogLineTest, TheJournalGetsAFieldALine) {
  EXPECT_EQ(AsJournal(Line("group failed", {{"group", "g"}, {"task", "a\nPRIORITY=0"}, {"why", ""}})),
            "MESSAGE=group failed group=g task=\"a\\u000aPRIORITY=0\"\n"
            "PRIORITY=4\n"
            "SYSLOG_IDENTIFIER=coveyd\n"
            "COVEY_PART=groups\n"
            "COVEY_KIND=group_decided\n"
            "COVEY_GROUP=g\n"
            "COVEY_TASK=a\\u000aPRIORITY=0\n");
}

TEST(LogLineTest, NamesArePartsAndLevels) {
  EXPECT_EQ(LogPartOf("journal"), LogPart::kJournal);
  EXPECT_EQ(LogLevelOf("error"), LogLevel::kError);
  EXPECT_FALSE(LogPartOf("journ") || LogPartOf("") || LogLevelOf("warn"));
}

}  // namespace
}  // namespace covey
