#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace covey::cli {

// Columns with headings that fit a width: the columns that may shrink are cut, the widest first.
class Table {
 public:
  struct Column {
    std::string_view heading;
    bool right = false;    // numbers
    bool shrinks = false;  // may be cut to kLeast columns
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell a column, printable text.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  size_t size() const { return rows_.size(); }

  // Headings and rows, each a line; `columns` 0 is no bound.
  std::string Render(size_t columns) const;
  // Renders what was added since the last time and forgets it, for lists that are too long to be kept;
  // headings come once.
  std::string RenderPart(size_t columns);

 private:
  static constexpr size_t kLeast = 6;
  static constexpr size_t kGap = 2;

  std::string Lines(size_t columns, bool headings) const;

  std::vector<Column> columns_;
  bool begun_ = false;  // headings were rendered
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace covey::cli
