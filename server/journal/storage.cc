#include "server/journal/storage.h"

#include <utility>

#include "core/base/check.h"
#include "core/spec/beginning.h"
#include "server/journal/storage_values.h"

namespace covey::storage {
namespace {

Error Unreadable(std::string why) {
  return {.code = ErrorCode::kDataLoss, .reason = "JOURNAL_DAMAGED", .message = std::move(why)};
}

// Wrapping: a damaged time must not be undefined.
int64_t Add(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t Subtract(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

void StoreRecord(const Record& record, int64_t base, v1::Record* out) {
  const state::Event& event = record.event;
  out->set_kind(static_cast<uint32_t>(event.kind));
  out->set_result(static_cast<uint32_t>(event.result));
  out->set_outcome(static_cast<uint32_t>(event.outcome));
  out->set_failure_kind(static_cast<uint32_t>(event.failure));
  out->set_task(ToSlot(event.task));
  out->set_attempt(event.attempt);
  out->set_code(event.code);
  out->set_count(event.count);
  out->set_time(Subtract(ToMicros(record.time), base));
  if (!record.task_name.empty()) out->set_task_name(record.task_name);
  if (record.group != nullptr) Store(*record.group, out->mutable_group());
  if (record.task != nullptr) Store(*record.task, out->mutable_spec());
  if (record.failure != nullptr) Store(*record.failure, out->mutable_failure());
  if (record.result != nullptr) Store(*record.result, out->mutable_payload());
  if (record.request != nullptr) {
    out->mutable_request()->set_id(record.request->id);
    out->mutable_request()->set_fingerprint(record.request->fingerprint);
    out->mutable_request()->set_count(record.request->count);
  }
  if (record.output != nullptr) {
    out->set_standard_output_bytes(record.output->standard_output);
    out->set_standard_error_bytes(record.output->standard_error);
    out->set_standard_output_lost(record.output->standard_output_lost);
    out->set_standard_error_lost(record.output->standard_error_lost);
  }
}

Record LoadRecord(v1::Record* in, int64_t base, uint64_t number, std::string* problem) {
  using state::EventKind;
  Record record;
  record.number = number;
  record.time = FromMicros(Add(base, in->time()));
  record.event = {
      .kind = FromNumber(in->kind(), EventKind::kGroupCreated, static_cast<EventKind>(state::kEventKinds - 1),
                         "event kind", problem),
      .result = FromNumber(in->result(), state::Ending::kNone, state::Ending::kStopped, "result", problem),
      .outcome =
          FromNumber(in->outcome(), state::Outcome::kNone, state::Outcome::kCancelled, "outcome", problem),
      .failure =
          FromNumber(in->failure_kind(), FailureKind::kNone, FailureKind::kRejected, "failure kind", problem),
      .task = FromSlot(in->task()),
      .attempt = in->attempt(),
      .code = in->code(),
      .count = in->count()};
  record.task_name = std::move(*in->mutable_task_name());
  if (in->has_group()) record.group = std::make_shared<const GroupSpec>(Load(in->mutable_group(), problem));
  if (in->has_spec()) record.task = std::make_shared<const TaskSpec>(Load(in->mutable_spec(), problem));
  if (in->has_failure())
    record.failure = std::make_shared<const Failure>(Load(in->mutable_failure(), problem));
  if (in->has_payload()) record.result = std::make_shared<const Payload>(Load(in->mutable_payload()));
  if (in->has_request()) {
    v1::RequestMark* mark = in->mutable_request();
    record.request = std::make_shared<const RequestMark>(RequestMark{
        .id = std::move(*mark->mutable_id()), .fingerprint = mark->fingerprint(), .count = mark->count()});
  }
  if (in->has_standard_output_bytes()) {
    record.output =
        std::make_shared<const OutputSizes>(OutputSizes{.standard_output = in->standard_output_bytes(),
                                                        .standard_error = in->standard_error_bytes(),
                                                        .standard_output_lost = in->standard_output_lost(),
                                                        .standard_error_lost = in->standard_error_lost()});
  }
  return record;
}

void StoreState(const state::GroupState& state, v1::State* out) {
  out->set_policy(static_cast<uint32_t>(state.policy));
  out->set_max_failures(state.max_failures);
  out->set_submitted(state.submitted);
  out->set_queued(state.queued);
  out->set_running(state.running);
  out->set_succeeded(state.succeeded);
  out->set_failed(state.failed);
  out->set_stopped(state.stopped);
  out->set_sealed(state.sealed);
  out->set_armed(state.armed);
  out->set_decided(state.decided);
  out->set_completed(state.completed);
  out->set_outcome(static_cast<uint32_t>(state.outcome));
  out->set_failure_kind(static_cast<uint32_t>(state.failure));
  out->set_code(state.code);
  out->set_decider(ToSlot(state.decider));
  out->set_decider_attempt(state.decider_attempt);
  out->set_first_failed(ToSlot(state.first_failed));
}

state::GroupState LoadState(const v1::State& in, std::string* problem) {
  return {.policy = FromNumber(in.policy(), state::Policy::kAll, state::Policy::kAny, "policy", problem),
          .max_failures = in.max_failures(),
          .submitted = in.submitted(),
          .queued = in.queued(),
          .running = in.running(),
          .succeeded = in.succeeded(),
          .failed = in.failed(),
          .stopped = in.stopped(),
          .sealed = in.sealed(),
          .armed = in.armed(),
          .decided = in.decided(),
          .completed = in.completed(),
          .outcome =
              FromNumber(in.outcome(), state::Outcome::kNone, state::Outcome::kCancelled, "outcome", problem),
          .failure = FromNumber(in.failure_kind(), FailureKind::kNone, FailureKind::kRejected, "failure kind",
                                problem),
          .code = in.code(),
          .decider = FromSlot(in.decider()),
          .decider_attempt = in.decider_attempt(),
          .first_failed = FromSlot(in.first_failed())};
}

void StoreBeginning(const TaskWork& work, v1::FirstTask* out) {
  if (const auto* function = std::get_if<FunctionSpec>(&work)) {
    out->set_function(function->name);
  } else if (const auto* process = std::get_if<std::shared_ptr<const ProcessSpec>>(&work)) {
    for (const std::string& argument : (*process)->argv) out->add_argv(argument);
  } else {
    out->set_opaque(std::get<OpaqueSpec>(work).kind);
  }
}

TaskWork LoadBeginning(const v1::FirstTask& in) {
  if (in.argv_size() > 0) {
    ProcessSpec process;
    process.argv.assign(in.argv().begin(), in.argv().end());
    return std::make_shared<const ProcessSpec>(std::move(process));
  }
  if (in.opaque() != 0) return OpaqueSpec{.kind = in.opaque(), .message = {}};
  return FunctionSpec{.name = in.function(), .payload = {}};
}

}  // namespace

void EncodeRecords(std::span<const Record> records, std::string* out) {
  COVEY_CHECK(!records.empty());
  v1::Batch batch;
  const int64_t base = ToMicros(records.front().time);
  batch.set_time(base);
  batch.mutable_records()->Reserve(static_cast<int>(records.size()));
  for (const Record& record : records) StoreRecord(record, base, batch.add_records());
  batch.AppendToString(out);
}

Result<Void> DecodeRecords(std::string_view bytes, uint64_t first, std::vector<Record>* out) {
  v1::Batch batch;
  if (!batch.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Unreadable("an event is damaged");
  std::string problem;
  for (v1::Record& record : *batch.mutable_records()) {
    out->push_back(LoadRecord(&record, batch.time(), first++, &problem));
  }
  if (!problem.empty()) return Unreadable(std::move(problem));
  return Void{};
}

std::string EncodeGroupSpec(const GroupSpec& spec) {
  v1::GroupSpec stored;
  Store(spec, &stored);
  return stored.SerializeAsString();
}

Result<std::shared_ptr<const GroupSpec>> DecodeGroupSpec(std::string_view bytes) {
  v1::GroupSpec stored;
  if (!stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Unreadable("a group is damaged");
  std::string problem;
  auto spec = std::make_shared<const GroupSpec>(Load(&stored, &problem));
  if (!problem.empty()) return Unreadable(std::move(problem));
  return spec;
}

std::string EncodeSummary(const GroupSummary& summary) {
  v1::Summary stored;
  StoreState(summary.state, stored.mutable_state());
  if (summary.failure != nullptr) Store(*summary.failure, stored.mutable_failure());
  if (summary.first_failure != nullptr) Store(*summary.first_failure, stored.mutable_first_failure());
  stored.set_created(ToMicros(summary.created));
  stored.set_decided(ToMicros(summary.decided));
  stored.set_completed(ToMicros(summary.completed));
  stored.set_last_number(summary.last_number);
  if (summary.first_task != nullptr)
    StoreBeginning(BeginningOf(summary.first_task->work), stored.mutable_first_task());
  return stored.SerializeAsString();
}

Result<GroupSummary> DecodeSummary(std::string_view bytes, std::shared_ptr<const GroupSpec> spec) {
  v1::Summary stored;
  if (!stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Unreadable("the summary of a group is damaged");
  }
  std::string problem;
  GroupSummary summary;
  summary.spec = std::move(spec);
  summary.state = LoadState(stored.state(), &problem);
  if (stored.has_failure()) {
    summary.failure = std::make_shared<const Failure>(Load(stored.mutable_failure(), &problem));
  }
  if (stored.has_first_failure()) {
    summary.first_failure = std::make_shared<const Failure>(Load(stored.mutable_first_failure(), &problem));
  }
  summary.created = FromMicros(stored.created());
  summary.decided = FromMicros(stored.decided());
  summary.completed = FromMicros(stored.completed());
  summary.last_number = stored.last_number();
  if (stored.has_first_task()) {
    summary.first_task =
        std::make_shared<const TaskSpec>(TaskSpec{.work = LoadBeginning(stored.first_task())});
  }
  if (!problem.empty()) return Unreadable(std::move(problem));
  return summary;
}

}  // namespace covey::storage
