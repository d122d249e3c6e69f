#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace covey::cli {

// Columns with headings that fit a width: first columns that may go are left out, then those that may shrink are
// cut, the widest first, and at last every line.
class Table {
 public:
  struct Column {
    std::string_view heading;
    bool right = false;    // numbers
    bool shrinks = false;  // may be cut to `least` columns
    size_t least = 6;
    int goes = 0;  // may be left out: the column with the highest number first; 0: stays
    // The colour of a cell, as what is behind "\x1b["; empty for none. Null: no cell has one.
    std::string_view (*color)(std::string_view cell) = nullptr;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell a column, printable text.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  size_t size() const { return rows_.size(); }

  // Headings and rows, each a line; `columns` 0 is no bound.
  std::string Render(size_t columns, bool colors = false) const;
  // Renders what was added since the last time and forgets it, for lists that are too long to be kept;
  // headings come once.
  std::string RenderPart(size_t columns, bool colors = false);

 private:
  static constexpr size_t kGap = 2;

  // How wide each column becomes; kGone: it is left out.
  static constexpr size_t kGone = SIZE_MAX;
  std::vector<size_t> Widths(size_t columns) const;
  std::string Lines(size_t columns, bool headings, bool colors) const;

  std::vector<Column> columns_;
  bool begun_ = false;  // headings were rendered
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace covey::cli
