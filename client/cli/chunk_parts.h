#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "covey/v1/types.pb.h"

namespace covey::cli {

// Calls `part(std::string_view bytes, const google::protobuf::Timestamp* time)` for the parts of a chunk that were
// written at one time each, in their order; null: when is not known.
template <typename Part>
void ForEachPart(const v1::OutputChunk& chunk, Part part) {
  const std::string_view data = chunk.data();
  const google::protobuf::Timestamp* time = nullptr;
  size_t begin = 0;
  const auto to = [&](size_t end) {
    if (end > begin) part(data.substr(begin, end - begin), time);
    begin = std::max(begin, end);
  };
  for (const v1::OutputTime& mark : chunk.times()) {
    const uint64_t behind = mark.offset() - std::min<uint64_t>(mark.offset(), chunk.offset());
    to(std::min<uint64_t>(behind, data.size()));
    time = &mark.time();
  }
  to(data.size());
}

// Takes the first bytes off a chunk, which has so many.
inline void CutFront(size_t bytes, v1::OutputChunk* chunk) {
  if (bytes == 0) return;
  chunk->mutable_data()->erase(0, bytes);
  chunk->set_offset(chunk->offset() + bytes);
  auto& times = *chunk->mutable_times();
  int past = 0;
  while (past + 1 < times.size() && times[past + 1].offset() <= chunk->offset()) ++past;
  times.DeleteSubrange(0, past);
  if (!times.empty()) times[0].set_offset(std::max(times[0].offset(), chunk->offset()));
  if (chunk->data().empty()) times.Clear();
}

}  // namespace covey::cli
