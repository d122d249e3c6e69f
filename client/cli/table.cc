#include "client/cli/table.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "client/cli/text.h"

namespace covey::cli {

std::string Table::Render(size_t columns, bool colors) const { return Lines(columns, true, colors); }

std::string Table::RenderPart(size_t columns, bool colors) {
  std::string out = Lines(columns, !begun_, colors);
  begun_ = true;
  rows_.clear();
  return out;
}

std::vector<size_t> Table::Widths(size_t columns) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = Width(columns_[i].heading);
    for (const std::vector<std::string>& row : rows_) width = std::max(width, Width(row[i]));
    widths.push_back(width);
  }
  if (columns == 0) return widths;
  const auto least = [&](size_t i) {
    return columns_[i].shrinks ? std::min(widths[i], columns_[i].least) : widths[i];
  };
  const auto total = [&](auto width_of) {
    size_t sum = 0;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] != kGone) sum += width_of(i) + (sum == 0 ? 0 : kGap);
    }
    return sum;
  };
  while (total(least) > columns) {
    size_t first = widths.size();
    for (size_t i = 0; i < widths.size(); ++i) {
      if (widths[i] == kGone || columns_[i].goes == 0) continue;
      if (first == widths.size() || columns_[i].goes > columns_[first].goes) first = i;
    }
    if (first == widths.size()) break;
    widths[first] = kGone;
  }
  while (total([&](size_t i) { return widths[i]; }) > columns) {
    size_t* widest = nullptr;
    for (size_t i = 0; i < widths.size(); ++i) {
      const bool shrinks = widths[i] != kGone && columns_[i].shrinks && widths[i] > columns_[i].least;
      if (shrinks && (widest == nullptr || widths[i] > *widest)) widest = &widths[i];
    }
    if (widest == nullptr) break;
    --*widest;
  }
  return widths;
}

std::string Table::Lines(size_t columns, bool headings, bool colors) const {
  const std::vector<size_t> widths = Widths(columns);
  std::string out;
  const auto line = [&](auto cell_of, bool plain) {
    std::string text;
    size_t left = columns == 0 ? SIZE_MAX : columns;
    size_t blanks = 0;  // not written yet: none at the end of a line
    bool begun = false;
    for (size_t i = 0; i < columns_.size() && left > 0; ++i) {
      if (widths[i] == kGone) continue;
      const std::string cell = Cut(cell_of(i), widths[i]);
      const size_t padding = widths[i] - std::min(widths[i], Width(cell));
      if (begun) blanks += kGap;
      begun = true;
      if (columns_[i].right) blanks += padding;
      if (!cell.empty() && blanks < left) {
        text.append(blanks, ' ');
        left -= blanks;
        blanks = 0;
        const std::string shown = Cut(cell, left);
        left -= std::min(left, Width(shown));
        const bool paint = colors && !plain && columns_[i].color != nullptr;
        const std::string_view color = paint ? columns_[i].color(cell) : std::string_view();
        text += color.empty() ? shown : "\x1b[" + std::string(color) + shown + "\x1b[0m";
      }
      if (!columns_[i].right) blanks += padding;
    }
    out += text + "\n";
  };
  if (headings) line([this](size_t i) { return std::string(columns_[i].heading); }, true);
  for (const std::vector<std::string>& row : rows_) line([&row](size_t i) { return row[i]; }, false);
  return out;
}

}  // namespace covey::cli
