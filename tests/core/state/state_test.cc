#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/state/group_state.h"

namespace covey::state {
namespace {

using Phase = TaskState::Phase;

// A group with its tasks, as a driver keeps them.
struct World {
  GroupState group;
  std::vector<TaskState> tasks;

  // Every field, so that two worlds are one state exactly when their keys are equal.
  std::string Key() const {
    std::string key;
    const auto add = [&key](auto value) { key += std::to_string(static_cast<int64_t>(value)) + ','; };
    for (const auto field : {group.submitted, group.queued, group.running, group.succeeded, group.failed,
                             group.stopped, group.decider, group.decider_attempt, group.first_failed})
      add(field);
    add(group.sealed * 8 + group.armed * 4 + group.decided * 2 + group.completed);
    add(group.outcome);
    add(group.failure);
    for (const TaskState& task : tasks) {
      add(static_cast<int>(task.phase) * 4 + task.cancel_delivered * 2 + task.cancel_killed);
      add(task.result);
      add(task.failure);
      add(task.cancel);
      add(task.attempt);
    }
    return key;
  }
};

struct Limits {
  size_t tasks;
  uint32_t attempts;
  bool acknowledged;  // with kDelivered, kKilled and both kinds of a task's cancel
};

struct Config {
  Policy policy;
  uint32_t max_failures;
  Limits limits;
};

void PrintTo(const Config& config, std::ostream* out) {
  *out << "policy " << static_cast<int>(config.policy) << " max_failures " << config.max_failures << " tasks "
       << config.limits.tasks;
}

std::vector<Command> Commands(const World& world, const Limits& limits) {
  std::vector<Command> commands = {{.kind = CommandKind::kCancel},
                                   {.kind = CommandKind::kExpire},
                                   {.kind = CommandKind::kSeal},
                                   {.kind = CommandKind::kArm}};
  if (world.tasks.size() < limits.tasks) commands.push_back({.kind = CommandKind::kSubmit});
  for (uint32_t i = 0; i < world.tasks.size(); ++i) {
    const uint32_t now = world.tasks[i].attempt;
    if (now < limits.attempts) commands.push_back({.kind = CommandKind::kStart, .task = i});
    commands.push_back({.kind = CommandKind::kCancelTask, .failure = FailureKind::kCancelled, .task = i});
    if (limits.acknowledged) {
      commands.push_back({.kind = CommandKind::kCancelTask, .failure = FailureKind::kTimeout, .task = i});
    }
    // Of this attempt, and of one that is over or was never started.
    for (const uint32_t attempt : {now, now + 1, now - 1}) {
      commands.push_back(
          {.kind = CommandKind::kExit, .result = Ending::kSucceeded, .task = i, .attempt = attempt});
      commands.push_back({.kind = CommandKind::kExit,
                          .result = Ending::kFailed,
                          .failure = FailureKind::kExit,
                          .task = i,
                          .attempt = attempt,
                          .code = 3});
      commands.push_back(
          {.kind = CommandKind::kRequeue, .failure = FailureKind::kLost, .task = i, .attempt = attempt});
      if (!limits.acknowledged) continue;
      commands.push_back({.kind = CommandKind::kDelivered, .task = i, .attempt = attempt, .code = 15});
      commands.push_back({.kind = CommandKind::kKilled, .task = i, .attempt = attempt});
    }
  }
  return commands;
}

// What a driver does with a command: decide, then fold every event into the group and its task.
Refusal Step(World& world, const Command& command, std::vector<Event>* log) {
  EventBuffer events;
  const TaskState task = command.task < world.tasks.size() ? world.tasks[command.task] : TaskState{};
  const Refusal refusal = Decide(world.group, task, command, events);
  if (command.kind == CommandKind::kArm) world.group.armed = true;
  for (const Event& event : events) {
    Apply(world.group, event);
    if (event.kind == EventKind::kTaskSubmitted) world.tasks.emplace_back();
    if (event.task < world.tasks.size() && event.kind != EventKind::kGroupDecided)
      Apply(world.tasks[event.task], event);
    log->push_back(event);
  }
  return refusal;
}

// Invariants of one state; the numbers are those of GroupState, then those of TaskState.
void CheckState(const World& world) {
  const GroupState& group = world.group;
  // 1
  ASSERT_EQ(group.submitted, group.queued + group.running + group.succeeded + group.failed + group.stopped);
  ASSERT_EQ(group.submitted, world.tasks.size());
  // 2
  ASSERT_EQ(group.decided, group.outcome != Outcome::kNone);
  // 3
  if (group.decided) {
    ASSERT_EQ(group.queued, 0u);
  }
  // 4
  if (group.completed) {
    ASSERT_TRUE(group.decided && group.running == 0);
  }
  if (group.decided && group.running == 0) {
    ASSERT_TRUE(group.completed);
  }
  if ((group.armed || group.sealed) && group.unfinished() == 0) {
    ASSERT_TRUE(group.completed);
  }

  uint32_t queued = 0, running = 0, succeeded = 0, failed = 0, stopped = 0;
  for (const TaskState& task : world.tasks) {
    switch (task.phase) {
      case Phase::kQueued:
        ++(Stopped(group, task) ? stopped : queued);
        ASSERT_TRUE(task.result == Ending::kNone);
        break;
      case Phase::kRunning:
        ++running;
        ASSERT_GE(task.attempt, 1u);
        ASSERT_TRUE(task.result == Ending::kNone);
        break;
      case Phase::kEnded:
        ++(task.result == Ending::kSucceeded ? succeeded : task.result == Ending::kFailed ? failed : stopped);
        ASSERT_TRUE(task.result != Ending::kNone);
        break;
    }
  }
  ASSERT_EQ(std::tie(queued, running, succeeded, failed, stopped),
            std::tie(group.queued, group.running, group.succeeded, group.failed, group.stopped));
  ASSERT_EQ(group.first_failed == kNoTask, group.failed == 0);
}

// What a decision must be, said a second time and differently: by the policy's promise.
void CheckDecision(const World& before, const Command& command, const World& after) {
  const GroupState& group = after.group;
  const bool exit = group.decider != kNoTask && command.task == group.decider;
  if (command.kind == CommandKind::kCancel) {
    ASSERT_EQ(group.outcome, Outcome::kCancelled);
    ASSERT_EQ(group.failure, FailureKind::kCancelled);
    return;
  }
  if (command.kind == CommandKind::kExpire) {
    ASSERT_EQ(group.outcome, Outcome::kFailed);
    ASSERT_EQ(group.failure, FailureKind::kTimeout);
    return;
  }
  const bool idle = before.group.unfinished() <= 1 && (group.sealed || group.armed);
  switch (group.policy) {
    case Policy::kAll:
      if (group.failed > group.max_failures) {
        ASSERT_EQ(group.failed, group.max_failures + 1);
        ASSERT_EQ(group.outcome, Outcome::kFailed);
        ASSERT_TRUE(exit);
      } else {
        ASSERT_EQ(group.outcome, Outcome::kSucceeded);
        ASSERT_TRUE(idle);
      }
      break;
    case Policy::kAllSettled:
      ASSERT_EQ(group.outcome, group.failed == 0 ? Outcome::kSucceeded : Outcome::kFailed);
      ASSERT_TRUE(idle);
      break;
    case Policy::kAny:
      if (group.succeeded > 0) {
        ASSERT_EQ(group.succeeded, 1u);
        ASSERT_EQ(group.outcome, Outcome::kSucceeded);
        ASSERT_TRUE(exit);
      } else {
        ASSERT_EQ(group.outcome, Outcome::kFailed);
        ASSERT_TRUE(idle);
      }
      break;
  }
}

void CheckTransition(const World& before, const Command& command, Refusal refusal,
                     const std::vector<Event>& events, const World& after) {
  if (refusal != Refusal::kNone) {
    ASSERT_TRUE(events.empty());
  }
  if (before.group.completed) {
    ASSERT_TRUE(events.empty());
  }
  size_t decisions = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    if (events[i].kind == EventKind::kGroupDecided) ++decisions;
    if (events[i].kind == EventKind::kGroupCompleted) {
      ASSERT_EQ(i + 1, events.size());
    }
  }
  ASSERT_EQ(decisions, after.group.decided && !before.group.decided ? 1u : 0u);
  if (before.group.decided) {
    ASSERT_EQ(before.group.outcome, after.group.outcome);
    ASSERT_EQ(before.group.decider, after.group.decider);
    ASSERT_EQ(before.group.failed, after.group.failed);
    ASSERT_EQ(before.tasks.size(), after.tasks.size());
    for (size_t i = 0; i < before.tasks.size(); ++i)
      ASSERT_EQ(before.tasks[i].attempt, after.tasks[i].attempt) << "nothing starts after the decision";
  } else if (after.group.decided) {
    CheckDecision(before, command, after);
  }
  if (command.kind == CommandKind::kSubmit) {
    const Refusal right = before.group.decided  ? Refusal::kDecided
                          : before.group.sealed ? Refusal::kSealed
                                                : Refusal::kNone;
    ASSERT_EQ(refusal, right);
  }
  if (before.group.first_failed != kNoTask) {
    ASSERT_EQ(before.group.first_failed, after.group.first_failed);
  } else if (after.group.failed > 0) {
    ASSERT_EQ(after.group.first_failed, command.task);
  }
  const bool of_attempt = command.kind == CommandKind::kExit || command.kind == CommandKind::kRequeue ||
                          command.kind == CommandKind::kDelivered || command.kind == CommandKind::kKilled;
  if (of_attempt) {
    const TaskState& task = before.tasks[command.task];
    ASSERT_EQ(refusal == Refusal::kStale, task.phase != Phase::kRunning || task.attempt != command.attempt);
    if (command.kind == CommandKind::kRequeue && refusal == Refusal::kNone) {
      const bool ends = before.group.decided || task.cancel != FailureKind::kNone;
      ASSERT_EQ(after.tasks[command.task].phase, ends ? Phase::kEnded : Phase::kQueued);
    }
  }
}

class EveryCommandInEveryState : public testing::TestWithParam<Config> {};

TEST_P(EveryCommandInEveryState, KeepsTheInvariants) {
  World start;
  start.group.policy = GetParam().policy;
  start.group.max_failures = GetParam().max_failures;
  std::set<std::string> seen = {start.Key()};
  std::deque<World> frontier = {start};
  std::array<bool, kCommandKinds> used{};
  std::array<bool, kEventKinds> made{};
  size_t steps = 0;
  while (!frontier.empty()) {
    const World before = std::move(frontier.front());
    frontier.pop_front();
    for (const Command& command : Commands(before, GetParam().limits)) {
      World after = before;
      std::vector<Event> events;
      const Refusal refusal = Step(after, command, &events);
      ++steps;
      used[static_cast<size_t>(command.kind)] = true;
      for (const Event& event : events) made[static_cast<size_t>(event.kind)] = true;
      CheckTransition(before, command, refusal, events, after);
      CheckState(after);
      if (HasFatalFailure()) {
        FAIL() << "command " << static_cast<int>(command.kind) << " of task " << command.task << " in state "
               << before.Key();
      }
      if (seen.insert(after.Key()).second) frontier.push_back(std::move(after));
    }
  }
  RecordProperty("states", static_cast<int>(seen.size()));
  RecordProperty("steps", static_cast<int>(steps));
  if (GetParam().limits.acknowledged) {
    for (int kind = 1; kind < kCommandKinds; ++kind) {
      EXPECT_TRUE(used[static_cast<size_t>(kind)]) << kind;
    }
    // All but kGroupCreated, which is the driver's.
    for (int kind = 2; kind < kEventKinds; ++kind) {
      EXPECT_TRUE(made[static_cast<size_t>(kind)]) << kind;
    }
  }
}

// Together they cover what one large space would, in a fraction of its states.
constexpr Limits kThreeTasks = {.tasks = 3, .attempts = 1, .acknowledged = false};
constexpr Limits kTwoTasksTwice = {.tasks = 2, .attempts = 2, .acknowledged = false};
constexpr Limits kTwoTasksAcknowledged = {.tasks = 2, .attempts = 1, .acknowledged = true};
constexpr Limits kOneTaskThrice = {.tasks = 1, .attempts = 3, .acknowledged = true};

std::vector<Config> Configs() {
  std::vector<Config> configs;
  for (const Limits& limits : {kThreeTasks, kTwoTasksTwice, kTwoTasksAcknowledged, kOneTaskThrice}) {
    configs.push_back({Policy::kAll, 0, limits});
    configs.push_back({Policy::kAll, 1, limits});
    configs.push_back({Policy::kAllSettled, 0, limits});
    configs.push_back({Policy::kAny, 0, limits});
  }
  return configs;
}

INSTANTIATE_TEST_SUITE_P(Policies, EveryCommandInEveryState, testing::ValuesIn(Configs()));

// The events alone, folded from nothing, give the state that the commands led to.
TEST(Replay, GivesTheSameState) {
  for (uint32_t seed = 1; seed <= 2000; ++seed) {
    std::mt19937 random(seed);
    World world;
    world.group.policy = static_cast<Policy>(1 + seed % 3);
    world.group.max_failures = world.group.policy == Policy::kAll ? seed % 2 : 0;
    World again = world;
    std::vector<Event> log;
    for (int i = 0; i < 60; ++i) {
      const auto commands = Commands(world, {.tasks = 5, .attempts = 4, .acknowledged = true});
      static_cast<void>(Step(world, commands[random() % commands.size()], &log));
    }
    for (const Event& event : log) {
      Apply(again.group, event);
      if (event.kind == EventKind::kTaskSubmitted) again.tasks.emplace_back();
      if (event.task < again.tasks.size() && event.kind != EventKind::kGroupDecided)
        Apply(again.tasks[event.task], event);
    }
    again.group.armed = world.group.armed;  // not an event
    ASSERT_EQ(again.group, world.group) << "seed " << seed;
    ASSERT_EQ(again.tasks, world.tasks) << "seed " << seed;
  }
}

TEST(Decide, TheFirstFailureDecidesAndSaysWho) {
  World world;
  std::vector<Event> log;
  for (int i = 0; i < 3; ++i) static_cast<void>(Step(world, {.kind = CommandKind::kSubmit}, &log));
  for (uint32_t i = 0; i < 2; ++i)
    static_cast<void>(Step(world, {.kind = CommandKind::kStart, .task = i}, &log));
  log.clear();
  static_cast<void>(Step(world,
                         {.kind = CommandKind::kExit,
                          .result = Ending::kFailed,
                          .failure = FailureKind::kExit,
                          .task = 1,
                          .attempt = 1,
                          .code = 7},
                         &log));
  const std::vector<Event> expected = {
      {.kind = EventKind::kTaskExited,
       .result = Ending::kFailed,
       .failure = FailureKind::kExit,
       .task = 1,
       .attempt = 1,
       .code = 7},
      {.kind = EventKind::kGroupDecided,
       .outcome = Outcome::kFailed,
       .failure = FailureKind::kExit,
       .task = 1,
       .attempt = 1,
       .code = 7,
       .count = 1},
      {.kind = EventKind::kCancelRequested, .failure = FailureKind::kCancelled}};
  EXPECT_EQ(log, expected);
}

TEST(Decide, AnEmptyGroupSucceedsButNotWithAny) {
  for (const Policy policy : {Policy::kAll, Policy::kAllSettled, Policy::kAny}) {
    World world;
    world.group.policy = policy;
    std::vector<Event> log;
    static_cast<void>(Step(world, {.kind = CommandKind::kSeal}, &log));
    EXPECT_TRUE(world.group.completed);
    EXPECT_EQ(world.group.outcome, policy == Policy::kAny ? Outcome::kFailed : Outcome::kSucceeded);
  }
}

TEST(Decide, RefusesATaskTooMany) {
  GroupState group;
  group.submitted = group.succeeded = kNoTask;
  EventBuffer events;
  EXPECT_EQ(Decide(group, {}, {.kind = CommandKind::kSubmit}, events), Refusal::kFull);
  EXPECT_TRUE(events.empty());
}

TEST(Apply, RefusesAnEventThatDoesNotFollow) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  TaskState task;
  EXPECT_DEATH(Apply(task, {.kind = EventKind::kTaskStarted, .task = 0, .attempt = 2}), "invariant broken");
}

}  // namespace
}  // namespace covey::state
