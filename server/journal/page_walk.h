#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "covey/result.h"

namespace covey {

// A row as it lies on a page of a SQLite file.
struct StoredRow {
  enum class Type : uint8_t { kNull, kInteger, kBytes };
  struct Value {
    Type type = Type::kNull;
    int64_t integer = 0;
    std::string bytes;  // of a text or blob
  };

  bool keyed = false;  // of a table with row ids; else of an index, or of a table without
  int64_t row_id = 0;
  std::vector<Value> values;

  // Whether the values have these types: n(ull), i(nteger), b(ytes), and ? for any.
  bool Is(std::string_view types) const;
};

// Visits the rows on every page of the file that holds some, whether the trees above still lead to it or not
// (https://www.sqlite.org/fileformat2.html). What cannot be a row is passed over; what can be one is perhaps
// none that was ever stored: only a checksum tells.
Result<Void> WalkPages(const std::string& path, const std::function<void(const StoredRow&)>& visit);

}  // namespace covey
