#include "server/journal/row_length.h"

#include "core/journal/page_limit.h"

namespace covey {
namespace {

constexpr size_t kRowRecords = 512;
constexpr size_t kRowBytes = size_t{1} << 20;

}  // namespace

size_t RowLength(std::span<const Record> records) {
  size_t bytes = 0;
  size_t count = 0;
  while (count < records.size() && count < kRowRecords && bytes < kRowBytes)
    bytes += BytesOf(records[count++]);
  return count;
}

}  // namespace covey
