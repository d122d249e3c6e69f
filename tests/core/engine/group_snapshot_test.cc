// What the journal keeps of a group that leaves memory: what was encoded is decoded, and nothing else is taken.

#include <gtest/gtest.h>

#include <random>

#include "core/engine/group_snapshot.h"
#include "core/engine/task_block.h"

namespace covey::testing {
namespace {

GroupSnapshot SomeSnapshot() {
  GroupSnapshot snapshot{.number = 300,
                         .created = WallTime(std::chrono::microseconds(1'700'000'000'000'000)),
                         .output_bytes = 12'345'678'901,
                         .folded = 70,
                         .next_event = 212,
                         .first_event = 2};
  snapshot.state.submitted = 100;
  snapshot.state.queued = 20;
  snapshot.state.running = 5;
  snapshot.state.succeeded = 70;
  snapshot.state.failed = 5;
  snapshot.state.first_failed = 9;
  snapshot.creation =
      std::make_shared<const RequestMark>(RequestMark{.id = "r", .fingerprint = ~uint64_t{0}, .count = 3});
  GroupSnapshot::Open open{.index = 3, .name = "n", .number = 17, .spec_bytes = 512, .work_kind = 1};
  open.state.phase = state::TaskState::Phase::kRunning;
  open.state.attempt = 2;
  open.state.cancel = FailureKind::kTimeout;
  open.state.cancel_delivered = true;
  snapshot.open = {open, {.index = 69, .number = 210, .rerun_on_restart = true}};
  snapshot.failures = {std::make_shared<const Failure>(Failure{
      .kind = FailureKind::kExit, .code = -1, .message = "m", .detail = "d", .task = "t", .attempt = 1})};
  snapshot.milestones = {{.task = 30, .event = 99}, {.task = 70, .event = 212}};
  return snapshot;
}

TEST(GroupSnapshotTest, WhatIsEncodedIsDecoded) {
  const std::string bytes = Encode(SomeSnapshot());
  const std::optional<GroupSnapshot> decoded = DecodeGroupSnapshot(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(Encode(*decoded), bytes);
  EXPECT_EQ(decoded->number, 300u);
  EXPECT_EQ(decoded->state, SomeSnapshot().state);
  EXPECT_EQ(decoded->open.at(0).state, SomeSnapshot().open.at(0).state);
  EXPECT_EQ(decoded->open.at(1).rerun_on_restart, true);
  EXPECT_EQ(decoded->failures.at(0)->code, -1);
  EXPECT_EQ(decoded->milestones, SomeSnapshot().milestones);
  EXPECT_EQ(decoded->creation->fingerprint, ~uint64_t{0});
}

TEST(GroupSnapshotTest, NothingElseIsTaken) {
  const std::string bytes = Encode(SomeSnapshot());
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(DecodeGroupSnapshot(bytes.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(DecodeGroupSnapshot(bytes + "x").has_value());
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {  // may be taken, may not crash
    std::string flipped = bytes;
    for (unsigned j = 0; j <= random() % 3; ++j)
      flipped[random() % flipped.size()] ^= static_cast<char>(1 << (random() % 8));
    if (const auto decoded = DecodeGroupSnapshot(flipped)) {
      EXPECT_LE(decoded->folded, decoded->state.submitted);
    }
  }
}

TEST(TaskBlockTest, WhatIsNoBlockIsNotTaken) {
  TaskTable::Entry entry;
  const std::string name = "a name";
  entry.name = &name;
  entry.number = 17;
  entry.started = WallTime(std::chrono::microseconds(5));
  entry.committed = {
      .phase = state::TaskState::Phase::kEnded, .result = state::Ending::kFailed, .attempt = 3, .code = -9};
  entry.committed.cancel = FailureKind::kTimeout;
  entry.ending = std::make_unique<const TaskTable::Ending>(TaskTable::Ending{
      .failure = std::make_shared<const Failure>(Failure{.message = "why"}),
      .result = std::make_shared<const Payload>(Payload{.bytes = std::string("\0\xFF", 2), .is_text = false}),
      .output = std::make_shared<const OutputSizes>(OutputSizes{.standard_error = 7}),
      .number = 99,
      .left_out = true});
  TaskBlockWriter writer(40);
  writer.Add(entry);
  writer.Add(TaskTable::Entry());
  const TaskBlock block = writer.Take();
  EXPECT_EQ(block.first, 40u);
  const auto tasks = DecodeTasks(block.bytes);
  ASSERT_TRUE(tasks.has_value());
  ASSERT_EQ(tasks->size(), 2u);
  EXPECT_EQ(tasks->at(0).name, name);
  EXPECT_EQ(tasks->at(0).entry.committed, entry.committed);
  EXPECT_EQ(tasks->at(0).entry.ending->result->bytes, entry.ending->result->bytes);
  EXPECT_EQ(*tasks->at(0).entry.ending->output, *entry.ending->output);
  EXPECT_FALSE(tasks->at(1).ended);
  for (size_t size = 0; size < block.bytes.size(); ++size)
    EXPECT_FALSE(DecodeTasks(block.bytes.substr(0, size)).has_value()) << size;
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {  // may be taken, may not crash
    std::string flipped = block.bytes;
    for (unsigned j = 0; j <= random() % 3; ++j)
      flipped[random() % flipped.size()] ^= static_cast<char>(1 << (random() % 8));
    if (const auto decoded = DecodeTasks(flipped)) {
      EXPECT_LE(decoded->size(), kBlockTasks);
    }
  }
}

TEST(GroupSnapshotTest, WhatContradictsItselfIsNotTaken) {
  const auto refused = [](auto change) {
    GroupSnapshot snapshot = SomeSnapshot();
    change(snapshot);
    return !DecodeGroupSnapshot(Encode(snapshot)).has_value();
  };
  EXPECT_FALSE(refused([](GroupSnapshot&) {}));
  EXPECT_TRUE(refused([](GroupSnapshot& s) { s.folded = 101; })) << "more than there are";
  EXPECT_TRUE(refused([](GroupSnapshot& s) { s.next_event = 302; })) << "behind the next";
  EXPECT_TRUE(refused([](GroupSnapshot& s) { s.state.queued = 21; })) << "counts";
  EXPECT_TRUE(refused([](GroupSnapshot& s) { s.open[1].index = 70; })) << "not before the fold";
  EXPECT_TRUE(refused([](GroupSnapshot& s) { std::swap(s.open[0], s.open[1]); })) << "order";
  EXPECT_TRUE(refused([](GroupSnapshot& s) { s.open[0].state.phase = state::TaskState::Phase::kEnded; }));
}

}  // namespace
}  // namespace covey::testing
