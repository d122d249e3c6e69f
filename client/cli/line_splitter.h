#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace covey::cli {

// Cuts a stream of bytes into lines. Bytes mean nothing but '\n', which no line contains. A line longer than
// `longest` is cut there, so that a stream without line ends does not fill the memory.
class LineSplitter {
 public:
  static constexpr size_t kLongest = 64 << 10;

  explicit LineSplitter(size_t longest = kLongest) : longest_(longest) {}

  // Calls `line(std::string_view)` for each line that `bytes` completes.
  template <typename Line>
  void Feed(std::string_view bytes, Line line) {
    while (!bytes.empty()) {
      const size_t end = bytes.find('\n');
      const size_t length = end == std::string_view::npos ? bytes.size() : end;
      if (partial_.size() + length > longest_) {
        const size_t room = longest_ - partial_.size();
        Emit(bytes.substr(0, room), line);
        bytes.remove_prefix(room);
      } else if (end == std::string_view::npos) {
        partial_.append(bytes);
        return;
      } else {
        Emit(bytes.substr(0, end), line);
        bytes.remove_prefix(end + 1);
      }
    }
  }

  // Calls `line` for what has no line end yet, if anything.
  template <typename Line>
  void Flush(Line line) {
    if (!partial_.empty()) Emit({}, line);
  }

  bool empty() const { return partial_.empty(); }

 private:
  template <typename Line>
  void Emit(std::string_view rest, Line line) {
    if (partial_.empty()) {
      line(rest);
    } else {
      partial_.append(rest);
      line(std::string_view(partial_));
      partial_.clear();
    }
  }

  const size_t longest_;
  std::string partial_;  // at most longest_ bytes, no '\n'
};

}  // namespace covey::cli
