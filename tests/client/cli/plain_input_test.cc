// Tasks of plain lines: arguments of one program, or commands.

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "client/cli/command_line.h"
#include "client/cli/input_tasks.h"
#include "tests/client/cli/task_folder.h"

namespace covey::cli {
namespace {

// What a task of `argv` looks like.
std::string Words(const v1::TaskSpec& task) {
  std::string words;
  for (const std::string& word : task.process().argv()) words += "[" + word + "]";
  return words;
}

class PlainInputTest : public TaskFolderTest {
 protected:
  void Write(const std::string& content) { std::ofstream(path_) << content; }
  // What its tasks run, one behind the other, or the complaint.
  std::string All(TaskSource& source) {
    std::string all;
    while (true) {
      const auto batch = source.NextBatch();
      if (!batch.ok()) return batch.error().message.substr(batch.error().message.find("tasks"));
      for (const v1::TaskSpec& task : batch.value().tasks) all += Words(task) + "\n";
      if (batch.value().last) return all;
    }
  }
  std::string Each(const std::string& content, bool null = false) {
    Write(content);
    return All(*Read(TasksOfArguments({"x"}, std::string("/here"), !null), false,
                     null ? RecordReader::Ends::kNul : RecordReader::Ends::kLine));
  }
  std::string Guessed(const std::string& content) {
    Write(content);
    told_ = 0;
    return All(*Read(GuessedTasks(std::string("/here"), [this] { ++told_; }), false));
  }
  int told_ = 0;
};

TEST_F(PlainInputTest, LinesAreArguments) {
  EXPECT_EQ(Each("a b\n\n-c\n  #d"), "[x][a b]\n[x][-c]\n[x][  #d]\n");
  EXPECT_EQ(Each("\xEF\xBB\xBF"
                 "a\r\nb\r\n"),
            "[x][a]\n[x][b]\n")
      << "as Windows writes lines";
  EXPECT_EQ(Each("a\rb\n"), "[x][a\rb]\n");
}

TEST_F(PlainInputTest, NulBytesEndEntries) {
  EXPECT_EQ(Each(std::string("a\nb\0\0\xEF\xBB\xBFz\r", 10), true),
            "[x][a\nb]\n[x][]\n[x][\xEF\xBB\xBFz\r]\n");
}

TEST_F(PlainInputTest, BadLinesAreNamed) {
  EXPECT_EQ(Each("a\ncaf\xE9\n"), "tasks:2: the line must be UTF-8, got caf\\xe9");
  EXPECT_EQ(Each(std::string("a\0b\n", 4)),
            "tasks:1: the line has a NUL byte; with -0 NUL bytes end the entries");
  EXPECT_EQ(Each(std::string("a\0caf\xE9\0", 7), true), "tasks:2: the entry must be UTF-8, got caf\\xe9");
  EXPECT_EQ(Each(std::string("\xFF\xFE"
                             "a\0\n\0",
                             6)),
            "tasks:1: the text is UTF-16, it must be UTF-8");
  EXPECT_EQ(Each("a\n" + std::string(131'072, 'y')),
            "tasks:2: one argument of a process has at most 131071 bytes, got 131072");
  EXPECT_EQ(Each("a\n" + std::string(131'071, 'y')).size(), 131'071U + 3 + 3 + 7);
  Write(std::string(130'000, 'y') + "\n");
  EXPECT_EQ(All(*Read(TasksOfArguments({"x", "{}", "{}{}"}, std::string(), true), false)),
            "tasks:1: one argument of a process has at most 131071 bytes, got 260000");
  EXPECT_EQ(All(*Read(TasksOfArguments({"x", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}", "{}"},
                                       std::string(), true),
                      false)),
            "tasks:1: the arguments of a process have at most 1048576 bytes, got 1170011");
  Write("\n/x.png\n");
  EXPECT_EQ(All(*Read(TasksOfArguments({"{//}{.}"}, std::string(), true), false)), "[//x]\n");
  EXPECT_EQ(All(*Read(TasksOfArguments({"{}"}, std::string(), false), false)),
            "tasks:1: the program is missing: its name is empty");
}

TEST_F(PlainInputTest, NoTasksAreToldUnlessTheyMayBeNone) {
  EXPECT_EQ(Each(""), "tasks in the input (" + path_ + "); --allow-empty takes that for success");
  EXPECT_EQ(Each("\n\n"), "tasks in the input (" + path_ + "); --allow-empty takes that for success");
  EXPECT_EQ(All(*Read(TasksOfJson(), true)), "");
}

TEST_F(PlainInputTest, CommandsAreForTheShell) {
  EXPECT_EQ(Guessed("\n# all of it\nmake all | tee log\n{ true; }\n"),
            "[sh][-c][make all | tee log]\n[sh][-c][{ true; }]\n");
  EXPECT_EQ(told_, 1);
  EXPECT_EQ(Guessed("[ -f x ] && rm x"), "[sh][-c][[ -f x ] && rm x]\n");
  EXPECT_EQ(Guessed("1"), "[sh][-c][1]\n");
}

TEST_F(PlainInputTest, WhatBeginsAsAnObjectIsJson) {
  EXPECT_EQ(Guessed("# c\n {\"process\":{\"argv\":[\"true\"]}}\n"), "[true]\n");
  EXPECT_EQ(told_, 0);
  EXPECT_EQ(
      Guessed("{ true; }\n"),
      "tasks:1: column 3: a name in quotes is expected, got true; --format lines takes it for a command");
  EXPECT_NE(Guessed("[\n{}\n]\n").find("got a list"), std::string::npos);
  EXPECT_NE(
      Guessed("{\"process\":{\"argv\":[\"true\"]}}\nmake all\n").find("tasks:2: a task is one line such as"),
      std::string::npos);
}

TEST_F(PlainInputTest, TasksStartWhereTheyWereTyped) {
  Write("a\n");
  const auto source = Read(TasksOfArguments({"x"}, std::string("/here"), true), false,
                           RecordReader::Ends::kLine, {.working_dir = "/elsewhere"});
  EXPECT_EQ(source->NextBatch().value().tasks[0].process().working_dir(), "/here");
  EXPECT_EQ(All(*Read(TasksOfArguments({"x"}, UsageError("tasks cannot start here"), true), false)),
            "tasks:1: tasks cannot start here");
}

TEST_F(PlainInputTest, AMillionLinesTakeNoMemory) {
  LineNumbers numbers;
  for (uint64_t line = 1; line <= 1'000'000; ++line) {
    if (line != 500'000) numbers.Add(line);
  }
  EXPECT_EQ(numbers.size(), 999'999U);
  EXPECT_EQ(numbers[0], 1U);
  EXPECT_EQ(numbers[499'998], 499'999U);
  EXPECT_EQ(numbers[499'999], 500'001U);
  EXPECT_EQ(numbers[999'998], 1'000'000U);
}

}  // namespace
}  // namespace covey::cli
