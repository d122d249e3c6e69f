#include "client/cli/table.h"

#include <algorithm>
#include <numeric>

#include "client/cli/text.h"

namespace covey::cli {

std::string Table::Render(size_t columns) const { return Lines(columns, true); }

std::string Table::RenderPart(size_t columns) {
  std::string out = Lines(columns, !begun_);
  begun_ = true;
  rows_.clear();
  return out;
}

std::string Table::Lines(size_t columns, bool headings) const {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns_.size(); ++i) {
    size_t width = Width(columns_[i].heading);
    for (const std::vector<std::string>& row : rows_) width = std::max(width, Width(row[i]));
    widths.push_back(width);
  }
  const auto total = [&widths] {
    return std::accumulate(widths.begin(), widths.end(), size_t{0}) + kGap * (widths.size() - 1);
  };
  while (columns != 0 && total() > columns) {
    size_t* widest = nullptr;
    for (size_t i = 0; i < widths.size(); ++i) {
      if (columns_[i].shrinks && widths[i] > kLeast && (widest == nullptr || widths[i] > *widest))
        widest = &widths[i];
    }
    if (widest == nullptr) break;  // a terminal that narrow wraps
    --*widest;
  }

  std::string out;
  const auto line = [&](auto cell_of) {
    std::string text;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const std::string cell = Cut(cell_of(i), widths[i]);
      const std::string padding(widths[i] - std::min(widths[i], Width(cell)), ' ');
      if (i > 0) text.append(kGap, ' ');
      text += columns_[i].right ? padding + cell : cell + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  };
  if (headings) line([this](size_t i) { return std::string(columns_[i].heading); });
  for (const std::vector<std::string>& row : rows_) line([&row](size_t i) { return row[i]; });
  return out;
}

}  // namespace covey::cli
