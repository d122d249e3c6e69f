#include "server/journal/storage.h"

#include <gtest/gtest.h>

#include <random>

#include "server/journal/storage.pb.h"
#include "tests/server/journal/support.h"

namespace covey {
namespace {

// Any bytes: not UTF-8, with NUL.
std::string Bytes(std::mt19937_64& random, size_t most = 20) {
  std::string bytes(random() % (most + 1), '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

Labels Pairs(std::mt19937_64& random) {
  Labels pairs(random() % 4);
  for (auto& [key, value] : pairs) {
    key = Bytes(random);
    value = Bytes(random);
  }
  return pairs;
}

Payload AnyPayload(std::mt19937_64& random) {
  return {.bytes = Bytes(random, 100), .content_type = Bytes(random), .is_text = random() % 2 == 0};
}

Failure AnyFailure(std::mt19937_64& random) {
  return {.kind = static_cast<FailureKind>(random() % 9),
          .code = static_cast<int32_t>(random()),
          .message = Bytes(random),
          .detail = Bytes(random),
          .task = Bytes(random),
          .attempt = static_cast<uint32_t>(random())};
}

GroupSpec AnyGroup(std::mt19937_64& random) {
  return {.id = Bytes(random),
          .name = Bytes(random),
          .labels = Pairs(random),
          .pool = Bytes(random),
          .limit = static_cast<uint32_t>(random()),
          .policy = static_cast<state::Policy>(random() % 3 + 1),
          .max_failures = static_cast<uint32_t>(random()),
          .timeout = std::chrono::nanoseconds(static_cast<int64_t>(random())),
          .deadline = WallTime(std::chrono::microseconds(static_cast<int64_t>(random()))),
          .annotations = Pairs(random),
          .attached = random() % 2 == 0};
}

OutputFile AnyFile(std::mt19937_64& random) {
  // Without a path there is no file.
  if (random() % 2 == 0) return {};
  return {
      .path = "/" + Bytes(random), .append = random() % 2 == 0, .mode = static_cast<mode_t>(random() % 512)};
}

void SetAnything(std::mt19937_64& random, ProcessSpec* process) {
  const auto number = [&random] { return static_cast<uint32_t>(random()); };
  if (random() % 2 == 0) {
    process->limits = {.open_files = number(),
                       .address_space = random(),
                       .cpu_time = std::chrono::nanoseconds(static_cast<int64_t>(random())),
                       .memory = random(),
                       .cpu_milli = number(),
                       .pids = number()};
    if (random() % 2 == 0) process->limits.core_size = random() % 3;
  }
  process->user = Bytes(random);
  process->group = Bytes(random);
  process->umask = static_cast<mode_t>(random() % 512);
  process->nice = static_cast<int>(random() % 40) - 20;
  process->inherit_env = random() % 2 == 0;
  process->stdout_file = AnyFile(random);
  process->stderr_file = AnyFile(random);
}

TaskSpec AnyTask(std::mt19937_64& random) {
  TaskSpec task{.name = Bytes(random),
                .timeout = std::chrono::nanoseconds(static_cast<int64_t>(random())),
                .labels = Pairs(random),
                .rerun_on_restart = random() % 2 == 0,
                .annotations = Pairs(random)};
  if (random() % 3 == 0) {
    task.work = FunctionSpec{.name = Bytes(random), .payload = AnyPayload(random)};
    return task;
  }
  if (random() % 2 == 0) {
    task.work = OpaqueSpec{.kind = static_cast<uint32_t>(random()), .message = Bytes(random, 1000)};
    return task;
  }
  ProcessSpec process{.env = Pairs(random),
                      .working_dir = Bytes(random),
                      .stdin_bytes = Bytes(random, 1000),
                      .stop_signal = static_cast<int>(random() % 64),
                      .grace = std::chrono::nanoseconds(static_cast<int64_t>(random())),
                      .linger = std::chrono::nanoseconds(static_cast<int64_t>(random()))};
  process.argv.resize(random() % 4 + 1);
  for (std::string& argument : process.argv) argument = Bytes(random);
  SetAnything(random, &process);
  task.work = std::make_shared<const ProcessSpec>(std::move(process));
  return task;
}

Record AnyRecord(std::mt19937_64& random, uint64_t number) {
  Record record{.number = number,
                .time = WallTime(std::chrono::microseconds(static_cast<int64_t>(random()))),
                .event = {.kind = static_cast<state::EventKind>(random() % (state::kEventKinds - 1) + 1),
                          .result = static_cast<state::Ending>(random() % 4),
                          .outcome = static_cast<state::Outcome>(random() % 4),
                          .failure = static_cast<FailureKind>(random() % 9),
                          .task = random() % 3 == 0 ? state::kNoTask : static_cast<uint32_t>(random()),
                          .attempt = static_cast<uint32_t>(random()),
                          .code = static_cast<int32_t>(random()),
                          .count = static_cast<uint32_t>(random())},
                .task_name = Bytes(random)};
  if (random() % 2 == 0) record.group = std::make_shared<const GroupSpec>(AnyGroup(random));
  if (random() % 2 == 0) record.task = std::make_shared<const TaskSpec>(AnyTask(random));
  if (random() % 2 == 0) record.failure = std::make_shared<const Failure>(AnyFailure(random));
  if (random() % 2 == 0) record.result = std::make_shared<const Payload>(AnyPayload(random));
  if (random() % 2 == 0) {
    record.request = std::make_shared<const RequestMark>(
        RequestMark{.id = Bytes(random), .fingerprint = random(), .count = static_cast<uint32_t>(random())});
  }
  if (random() % 2 == 0)
    record.output = std::make_shared<const OutputSizes>(OutputSizes{.standard_output = random(),
                                                                    .standard_error = random(),
                                                                    .standard_output_lost = random(),
                                                                    .standard_error_lost = random()});
  return record;
}

void ExpectSame(const Payload& a, const Payload& b) {
  EXPECT_EQ(a.bytes, b.bytes);
  EXPECT_EQ(a.content_type, b.content_type);
  EXPECT_EQ(a.is_text, b.is_text);
}

void ExpectSame(const Failure& a, const Failure& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.code, b.code);
  EXPECT_EQ(a.message, b.message);
  EXPECT_EQ(a.detail, b.detail);
  EXPECT_EQ(a.task, b.task);
  EXPECT_EQ(a.attempt, b.attempt);
}

void ExpectSame(const GroupSpec& a, const GroupSpec& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.pool, b.pool);
  EXPECT_EQ(a.limit, b.limit);
  EXPECT_EQ(a.policy, b.policy);
  EXPECT_EQ(a.max_failures, b.max_failures);
  EXPECT_EQ(a.timeout, b.timeout);
  EXPECT_EQ(a.deadline, b.deadline);
  EXPECT_EQ(a.attached, b.attached);
  EXPECT_EQ(a.annotations, b.annotations);
}

void ExpectSame(const TaskSpec& a, const TaskSpec& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.timeout, b.timeout);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.rerun_on_restart, b.rerun_on_restart);
  EXPECT_EQ(a.annotations, b.annotations);
  ASSERT_EQ(a.work.index(), b.work.index());
  if (const auto* function = std::get_if<FunctionSpec>(&a.work)) {
    EXPECT_EQ(function->name, std::get<FunctionSpec>(b.work).name);
    ExpectSame(function->payload, std::get<FunctionSpec>(b.work).payload);
    return;
  }
  if (const auto* opaque = std::get_if<OpaqueSpec>(&a.work)) {
    EXPECT_EQ(opaque->kind, std::get<OpaqueSpec>(b.work).kind);
    EXPECT_EQ(opaque->message, std::get<OpaqueSpec>(b.work).message);
    return;
  }
  const ProcessSpec& p = *std::get<1>(a.work);
  const ProcessSpec& q = *std::get<1>(b.work);
  EXPECT_EQ(p.argv, q.argv);
  EXPECT_EQ(p.env, q.env);
  EXPECT_EQ(p.working_dir, q.working_dir);
  EXPECT_EQ(p.stdin_bytes, q.stdin_bytes);
  EXPECT_EQ(p.stop_signal, q.stop_signal);
  EXPECT_EQ(p.grace, q.grace);
  EXPECT_EQ(p.linger, q.linger);
  EXPECT_EQ(p.limits, q.limits);
  EXPECT_EQ(p.user, q.user);
  EXPECT_EQ(p.group, q.group);
  EXPECT_EQ(p.umask, q.umask);
  EXPECT_EQ(p.nice, q.nice);
  EXPECT_EQ(p.inherit_env, q.inherit_env);
  EXPECT_EQ(p.stdout_file, q.stdout_file);
  EXPECT_EQ(p.stderr_file, q.stderr_file);
}

void ExpectSame(const RequestMark& a, const RequestMark& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.fingerprint, b.fingerprint);
  EXPECT_EQ(a.count, b.count);
}

template <typename T>
void ExpectSame(const std::shared_ptr<const T>& a, const std::shared_ptr<const T>& b) {
  ASSERT_EQ(a == nullptr, b == nullptr);
  if (a != nullptr) ExpectSame(*a, *b);
}

TEST(Storage, AnyRecordComesBackWhole) {
  std::mt19937_64 random(20);
  for (int round = 0; round < 500; ++round) {
    std::vector<Record> records;
    for (uint64_t i = 0; i <= random() % 5; ++i) records.push_back(AnyRecord(random, 10 + i));
    std::string bytes;
    storage::EncodeRecords(records, &bytes);
    std::vector<Record> decoded;
    ASSERT_TRUE(storage::DecodeRecords(bytes, 10, &decoded).ok());
    ASSERT_EQ(decoded.size(), records.size());
    for (size_t i = 0; i < records.size(); ++i) {
      EXPECT_EQ(decoded[i].number, records[i].number);
      EXPECT_EQ(decoded[i].time, records[i].time);
      EXPECT_EQ(decoded[i].event, records[i].event);
      EXPECT_EQ(decoded[i].task_name, records[i].task_name);
      ExpectSame(decoded[i].group, records[i].group);
      ExpectSame(decoded[i].task, records[i].task);
      ExpectSame(decoded[i].failure, records[i].failure);
      ExpectSame(decoded[i].result, records[i].result);
      ExpectSame(decoded[i].request, records[i].request);
      ASSERT_EQ(decoded[i].output == nullptr, records[i].output == nullptr);
      if (records[i].output != nullptr) {
        EXPECT_EQ(*decoded[i].output, *records[i].output);
      }
    }
  }
}

TEST(Storage, AProcessOfSchema1HasTheDefaultsOfWhatCameLater) {
  // A batch as version 0.1 wrote it: one record, kind 2, task 1, a spec `{1: "t", 3: {1: "true", 5: 15,
  // 6: 10^10}}`.
  constexpr std::string_view kOld(
      "\x12\x19\x08\x02\x28\x01\x62\x13\x0a\x01\x74\x1a\x0e\x0a\x04\x74\x72\x75\x65\x28\x0f\x30\x80\xc8\xaf"
      "\xa0\x25",
      27);
  std::vector<Record> records;
  const Result<Void> result = storage::DecodeRecords(kOld, 1, &records);
  ASSERT_TRUE(result.ok()) << result.error().message;
  ASSERT_EQ(records.size(), 1u);
  const ProcessSpec& process = *std::get<1>(records[0].task->work);
  EXPECT_EQ(process.argv, std::vector<std::string>{"true"});
  EXPECT_EQ(process.grace, std::chrono::seconds(10));
  EXPECT_EQ(process.linger, std::chrono::seconds(2));
  EXPECT_EQ(process.limits, ResourceLimits());
  EXPECT_EQ(process.user + process.group, "");
  EXPECT_EQ(process.umask, 022u);
  EXPECT_EQ(process.nice, 0);
  EXPECT_FALSE(process.inherit_env);
  EXPECT_EQ(process.stdout_file, OutputFile());
  EXPECT_EQ(process.stderr_file, OutputFile());
}

TEST(Storage, AUmaskOfZeroIsNotTheDefault) {
  ProcessSpec process{.argv = {"true"}, .umask = 0};
  TaskSpec task{.work = std::make_shared<const ProcessSpec>(std::move(process))};
  Record record{.event = {.kind = state::EventKind::kTaskSubmitted},
                .task = std::make_shared<const TaskSpec>(std::move(task))};
  std::string bytes;
  storage::EncodeRecords(std::vector<Record>{record}, &bytes);
  std::vector<Record> records;
  ASSERT_TRUE(storage::DecodeRecords(bytes, 1, &records).ok());
  EXPECT_EQ(std::get<1>(records.at(0).task->work)->umask, 0u);
}

TEST(Storage, AnySummaryComesBackWhole) {
  std::mt19937_64 random(21);
  for (int round = 0; round < 200; ++round) {
    const auto number = [&] { return static_cast<uint32_t>(random()); };
    const auto spec = std::make_shared<const GroupSpec>(AnyGroup(random));
    GroupSummary summary{.spec = spec,
                         .state = {.policy = static_cast<state::Policy>(random() % 3 + 1),
                                   .max_failures = number(),
                                   .submitted = number(),
                                   .queued = number(),
                                   .running = number(),
                                   .succeeded = number(),
                                   .failed = number(),
                                   .stopped = number(),
                                   .sealed = random() % 2 == 0,
                                   .armed = random() % 2 == 0,
                                   .decided = random() % 2 == 0,
                                   .completed = random() % 2 == 0,
                                   .outcome = static_cast<state::Outcome>(random() % 4),
                                   .failure = static_cast<FailureKind>(random() % 9),
                                   .code = static_cast<int32_t>(random()),
                                   .decider = random() % 2 == 0 ? state::kNoTask : number(),
                                   .decider_attempt = number(),
                                   .first_failed = number()},
                         .created = Writer::At(1),
                         .decided = Writer::At(2),
                         .completed = Writer::At(3),
                         .last_number = random()};
    if (random() % 2 == 0) summary.failure = std::make_shared<const Failure>(AnyFailure(random));
    if (random() % 2 == 0) summary.first_failure = std::make_shared<const Failure>(AnyFailure(random));
    const GroupSummary decoded = storage::DecodeSummary(storage::EncodeSummary(summary), spec).value();
    EXPECT_EQ(decoded.state, summary.state);
    ExpectSame(decoded.failure, summary.failure);
    ExpectSame(decoded.first_failure, summary.first_failure);
    EXPECT_EQ(decoded.created, summary.created);
    EXPECT_EQ(decoded.decided, summary.decided);
    EXPECT_EQ(decoded.completed, summary.completed);
    EXPECT_EQ(decoded.last_number, summary.last_number);
    ExpectSame(*storage::DecodeGroupSpec(storage::EncodeGroupSpec(*spec)).value(), *spec);
  }
}

TEST(Storage, WhatIsNotKnownIsRefusedWithItsNumber) {
  storage::v1::Batch batch;
  storage::v1::Record* record = batch.add_records();
  const auto decode = [&]() -> std::string {
    std::vector<Record> records;
    const Result<Void> result = storage::DecodeRecords(batch.SerializeAsString(), 1, &records);
    return result.ok() ? "" : result.error().message;
  };
  record->set_kind(state::kEventKinds);
  EXPECT_NE(decode().find("event kind 12 is not known"), std::string::npos) << decode();
  record->set_kind(0);
  EXPECT_NE(decode().find("event kind 0"), std::string::npos);
  record->set_kind(4);
  EXPECT_EQ(decode(), "");
  record->set_result(4);
  EXPECT_NE(decode().find("result 4"), std::string::npos);
  record->set_result(0);
  record->set_failure_kind(9);
  EXPECT_NE(decode().find("failure kind 9"), std::string::npos);
  record->set_failure_kind(0);
  record->mutable_spec();
  EXPECT_NE(decode().find("kind of work"), std::string::npos);
}

// 10,000 times some bits or bytes changed, cut off or added, of each kind.
TEST(Storage, DamagedBytesAreAnErrorOrSomethingElseButNeverACrash) {
  std::mt19937_64 random(22);
  const auto damage = [&random](const std::string& bytes, const auto& decode) {
    for (int round = 0; round < 10'000; ++round) {
      std::string damaged = bytes;
      if (random() % 4 == 0) damaged.resize(random() % (bytes.size() + 1));
      if (random() % 4 == 0) damaged += Bytes(random);
      for (size_t i = 0; !damaged.empty() && i < random() % 4; ++i) {
        char& c = damaged[random() % damaged.size()];
        c = random() % 2 == 0 ? static_cast<char>(random()) : static_cast<char>(c ^ (1 << random() % 8));
      }
      if (const std::optional<Error> error = decode(damaged)) {
        EXPECT_EQ(error->code, ErrorCode::kDataLoss);
        EXPECT_FALSE(error->message.empty());
      }
    }
  };
  std::string bytes;
  storage::EncodeRecords(std::vector<Record>{AnyRecord(random, 1), AnyRecord(random, 2)}, &bytes);
  damage(bytes, [](const std::string& damaged) -> std::optional<Error> {
    std::vector<Record> records;
    const Result<Void> result = storage::DecodeRecords(damaged, 1, &records);
    return result.ok() ? std::nullopt : std::optional(result.error());
  });
  damage(storage::EncodeGroupSpec(AnyGroup(random)), [](const std::string& damaged) -> std::optional<Error> {
    const auto result = storage::DecodeGroupSpec(damaged);
    return result.ok() ? std::nullopt : std::optional(result.error());
  });
  GroupSummary summary;
  summary.failure = summary.first_failure = std::make_shared<const Failure>(AnyFailure(random));
  damage(storage::EncodeSummary(summary), [](const std::string& damaged) -> std::optional<Error> {
    const auto result = storage::DecodeSummary(damaged, nullptr);
    return result.ok() ? std::nullopt : std::optional(result.error());
  });
}

}  // namespace
}  // namespace covey
