#include "server/journal/row_length.h"

#include <variant>

namespace covey {
namespace {

constexpr size_t kRowRecords = 512;
constexpr size_t kRowBytes = size_t{1} << 20;

// About what the texts of a record take; the rest is small.
size_t TextSize(const Record& record) {
  size_t size = 0;
  if (record.task != nullptr) {
    for (const auto& [key, value] : record.task->labels) size += key.size() + value.size();
    if (const auto* function = std::get_if<FunctionSpec>(&record.task->work)) {
      size += function->payload.bytes.size();
    } else if (const auto* process = std::get_if<std::shared_ptr<const ProcessSpec>>(&record.task->work)) {
      size += (*process)->stdin_bytes.size();
      for (const std::string& argument : (*process)->argv) size += argument.size();
      for (const auto& [key, value] : (*process)->env) size += key.size() + value.size();
    } else {
      size += std::get<OpaqueSpec>(record.task->work).message.size();
    }
  }
  if (record.failure != nullptr) size += record.failure->message.size() + record.failure->detail.size();
  if (record.result != nullptr) size += record.result->bytes.size();
  return size;
}

}  // namespace

size_t RowLength(std::span<const Record> records) {
  size_t bytes = 0;
  size_t count = 0;
  while (count < records.size() && count < kRowRecords && bytes < kRowBytes)
    bytes += TextSize(records[count++]);
  return count;
}

}  // namespace covey
