#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <map>
#include <string>
#include <tuple>

#include "covey/v1/types.pb.h"

namespace covey::cli {

// Leaves out of the output of tasks what was written before an instant: of each stream whole lines, up to the first
// that was begun since. What has no time is kept.
class SinceFilter {
 public:
  explicit SinceFilter(google::protobuf::Timestamp since) : since_(std::move(since)) {}

  // Leaves in `chunk`, the next one of its stream, what is to be shown. False: nothing.
  bool Keep(v1::OutputChunk* chunk);
  // Something had no time.
  bool met_unknown() const { return met_unknown_; }

 private:
  struct Stream {
    bool begun = false;  // all that comes is shown
    bool at_line_start = true;
  };

  const google::protobuf::Timestamp since_;
  std::map<std::tuple<std::string, uint32_t, int>, Stream> streams_;
  bool met_unknown_ = false;
};

}  // namespace covey::cli
