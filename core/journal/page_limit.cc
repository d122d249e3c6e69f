#include "core/journal/page_limit.h"

#include "core/journal/journal.h"
#include "core/spec/spec_bytes.h"

namespace covey {
namespace {

constexpr size_t kFixed = 64;  // numbers, times, tags

size_t TextsOf(const std::shared_ptr<const Failure>& failure) {
  if (failure == nullptr) return 0;
  return failure->message.size() + failure->detail.size() + failure->task.size();
}

}  // namespace

size_t BytesOf(const Record& record) {
  size_t bytes = kFixed + record.task_name.size() + TextsOf(record.failure);
  if (record.group != nullptr) bytes += SpecBytes(*record.group);
  if (record.task != nullptr) bytes += SpecBytes(*record.task);
  if (record.result != nullptr) bytes += record.result->bytes.size() + record.result->content_type.size();
  if (record.request != nullptr) bytes += record.request->id.size();
  return bytes;
}

size_t BytesOf(const GroupSummary& summary) {
  size_t bytes = kFixed + TextsOf(summary.failure) + TextsOf(summary.first_failure);
  if (summary.spec != nullptr) bytes += SpecBytes(*summary.spec);
  return bytes;
}

}  // namespace covey
