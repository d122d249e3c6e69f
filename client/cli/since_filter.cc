#include "client/cli/since_filter.h"

#include <google/protobuf/util/time_util.h>

#include <string_view>

#include "client/cli/chunk_parts.h"

namespace covey::cli {

bool SinceFilter::Keep(v1::OutputChunk* chunk) {
  Stream& stream = streams_[{chunk->task(), chunk->attempt(), chunk->stream()}];
  size_t skipped = 0;
  ForEachPart(*chunk, [&](std::string_view bytes, const google::protobuf::Timestamp* time) {
    if (time == nullptr) met_unknown_ = true;
    if (stream.begun) return;
    const bool earlier = time != nullptr && *time < since_;
    const size_t line_end = stream.at_line_start ? std::string_view::npos : bytes.find('\n');
    const bool begins = stream.at_line_start || line_end != std::string_view::npos;
    stream.begun = !earlier && begins;
    stream.at_line_start = bytes.ends_with('\n');
    skipped += !stream.begun ? bytes.size() : line_end + 1;  // npos + 1 is none
  });
  if (!stream.begun) chunk->set_dropped(0);  // what is missing was written before
  CutFront(skipped, chunk);
  return !chunk->data().empty() || chunk->dropped() > 0 || chunk->end();
}

}  // namespace covey::cli
