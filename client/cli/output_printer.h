#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "client/cli/console.h"
#include "client/cli/line_splitter.h"
#include "covey/v1/types.pb.h"

namespace covey::cli {

// Prints the output of tasks: standard output to standard output, standard error to standard error, line by
// line behind the name of the task ("name | text"), or raw; with kAllToOut raw and all to standard output.
// Bytes pass unchanged; a line behind a name is never mixed with another one, and gets a line end when the
// task ends without. Used by one thread.
class OutputPrinter {
 public:
  enum class Mode { kNamed, kRaw, kAllToOut };

  // How a time looks in front of a line; null is one that is not known.
  using Stamp = std::function<std::string(const google::protobuf::Timestamp* time)>;

  // With `stamp` each line begins with its time, in every mode.
  OutputPrinter(Console& console, Mode mode, Stamp stamp = nullptr)
      : console_(console), mode_(mode), stamp_(std::move(stamp)) {}

  void Print(const v1::OutputChunk& chunk);
  // Prints what has no line end yet, of one task or of all.
  void Flush(const std::string& task);
  void Flush();

 private:
  using Key = std::tuple<std::string, v1::OutputStream>;

  // What has no line end yet.
  struct Partial {
    LineSplitter splitter;
    std::string time;  // when it was begun, as it is printed
  };

  bool cuts_lines() const { return mode_ == Mode::kNamed || stamp_ != nullptr; }
  void PrintLines(const v1::OutputChunk& chunk, v1::OutputStream stream, Partial* partial);
  void FlushLine(const Key& key, Partial* partial);
  void Write(v1::OutputStream stream, std::string_view bytes);
  std::string Prefix(const std::string& task, v1::OutputStream stream) const;

  Console& console_;
  const Mode mode_;
  const Stamp stamp_;
  // Only of tasks with an unfinished line, so that it stays small.
  std::map<Key, Partial> partial_;
};

}  // namespace covey::cli
