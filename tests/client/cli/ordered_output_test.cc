#include "client/cli/ordered_output.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace covey::cli {
namespace {

class OrderedOutputTest : public testing::Test {
 protected:
  explicit OrderedOutputTest(size_t most = size_t{1} << 20)
      : order_({.print =
                    [this](const v1::OutputChunk& chunk) {
                      printed_ += chunk.task() + ":" + chunk.data() + " ";
                    },
                .end = [this](const std::string& task) { printed_ += task + ". "; }},
               most) {}

  void Submit(const std::string& task) { Event(v1::EVENT_KIND_TASK_SUBMITTED, task); }
  void End(const std::string& task) { Event(v1::EVENT_KIND_TASK_EXITED, task); }
  void Event(v1::EventKind kind, const std::string& task, v1::TaskState state = v1::TASK_STATE_SUCCEEDED) {
    v1::Event event;
    event.set_kind(kind);
    event.set_task(task);
    event.set_task_state(state);
    EXPECT_TRUE(order_.Count(event).ok());
  }
  void Write(const std::string& task, const std::string& data) {
    v1::OutputChunk chunk;
    chunk.set_task(task);
    chunk.set_data(data);
    EXPECT_TRUE(order_.Write(chunk).ok());
  }
  // What was printed since the last call.
  std::string Printed() { return std::exchange(printed_, {}); }

  std::string printed_;
  OrderedOutput order_;
};

class SpilledOutputTest : public OrderedOutputTest {
 protected:
  SpilledOutputTest() : OrderedOutputTest(0) {}
};

class NarrowOutputTest : public OrderedOutputTest {
 protected:
  NarrowOutputTest() : OrderedOutputTest(1'900) {}
};

TEST_F(OrderedOutputTest, TheFirstIsLiveTheOthersWait) {
  for (const char* task : {"0", "1", "2"}) Submit(task);
  Write("2", "c");
  Write("0", "a");
  EXPECT_EQ(Printed(), "0:a ");
  Write("1", "b");
  End("2");
  Write("0", "A");
  EXPECT_EQ(Printed(), "0:A ");
  End("0");
  EXPECT_EQ(Printed(), "0. 1:b ");
  Write("1", "B");
  EXPECT_EQ(Printed(), "1:B ");
  End("1");
  EXPECT_EQ(Printed(), "1. 2:c 2. ");
}

TEST_F(OrderedOutputTest, TasksThatWriteNothingHoldUpNobody) {
  for (int i = 0; i < 6; ++i) Submit(std::to_string(i));
  for (const char* task : {"4", "2", "3", "1"}) End(task);
  Write("5", "f");
  EXPECT_EQ(Printed(), "");
  End("0");
  EXPECT_EQ(Printed(), "0. 5:f ");
}

TEST_F(OrderedOutputTest, NamedTasksHaveThePlaceOfTheirSubmit) {
  Submit("b");
  Submit("1");
  Submit("a");
  Write("a", "third");
  Write("1", "second");
  Write("b", "first");
  EXPECT_EQ(Printed(), "b:first ");
  End("a");
  End("1");
  End("b");
  EXPECT_EQ(Printed(), "b. 1:second 1. a:third a. ");
}

TEST_F(OrderedOutputTest, OutputMayComeBeforeItsTaskIsTold) {
  Write("x", "early");
  Write("y", "early");
  EXPECT_EQ(Printed(), "");
  Submit("x");
  EXPECT_EQ(Printed(), "x:early ");
  Submit("y");
  EXPECT_EQ(Printed(), "");
  End("x");
  EXPECT_EQ(Printed(), "x. y:early ");
}

TEST_F(OrderedOutputTest, ATaskThatRunsAgainHasNotEnded) {
  Submit("0");
  Submit("1");
  Write("1", "b");
  Event(v1::EVENT_KIND_TASK_EXITED, "0", v1::TASK_STATE_QUEUED);
  EXPECT_EQ(Printed(), "");
  End("0");
  EXPECT_EQ(Printed(), "0. 1:b ");
}

TEST_F(OrderedOutputTest, WhatIsLeftComesInOrderAtTheEnd) {
  for (const char* task : {"0", "1", "2", "3"}) Submit(task);
  Write("3", "d");
  Write("2", "c");
  EXPECT_TRUE(order_.Finish().ok()) << "the group was decided before 0 was started";
  EXPECT_EQ(Printed(), "2:c 2. 3:d 3. ");
}

TEST_F(SpilledOutputTest, PastTheBoundItIsTheSame) {
  const int tasks = 100;
  for (int i = 0; i < tasks; ++i) Submit(std::to_string(i));
  std::string expected = "0. ";
  for (int i = tasks - 1; i > 0; --i) {
    for (int piece = 0; piece < 3; ++piece)
      Write(std::to_string(i), std::string(1000, static_cast<char>('a' + piece)));
    End(std::to_string(i));
  }
  for (int i = 1; i < tasks; ++i) {
    const std::string task = std::to_string(i);
    for (int piece = 0; piece < 3; ++piece)
      expected += task + ":" + std::string(1000, static_cast<char>('a' + piece)) + " ";
    expected += task + ". ";
  }
  EXPECT_EQ(Printed(), "");
  End("0");
  EXPECT_EQ(Printed(), expected);
  Submit("100");
  Submit("101");
  Write("101", "x");
  End("100");
  EXPECT_EQ(Printed(), "100. 101:x ") << "the file is used again";
}

// With room for one piece, and nowhere to put a second one aside.
TEST_F(NarrowOutputTest, WhatWasPassedOnMakesRoom) {
  setenv("TMPDIR", "/nonexistent", 1);
  for (int task = 0; task < 100; ++task) Submit(std::to_string(task));
  for (int task = 0; task < 99; ++task) {
    Write(std::to_string(task + 1), std::string(1000, 'x'));
    End(std::to_string(task));
  }
  unsetenv("TMPDIR");
}

TEST(SpillFileTest, AFolderThatIsNotThereIsNamed) {
  setenv("TMPDIR", "/nonexistent", 1);
  SpillFile file;
  const auto put = file.Put("x");
  unsetenv("TMPDIR");
  ASSERT_FALSE(put.ok());
  EXPECT_EQ(
      put.error().message,
      "cannot make a file in /nonexistent for output that waits for its turn: No such file or directory");
}

}  // namespace
}  // namespace covey::cli
