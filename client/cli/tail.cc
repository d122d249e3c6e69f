#include "client/cli/tail.h"

#include "client/cli/chunk_parts.h"

namespace covey::cli {

void LineStarts::Feed(uint64_t offset, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    if (at_start_) starts_.push_back(offset + at);
    const size_t end = bytes.find('\n', at);
    at_start_ = end != std::string::npos;
    at = at_start_ ? end + 1 : bytes.size();
    if (starts_.size() > lines_) starts_.pop_front();
  }
  end_ = offset + bytes.size();
}

void Tails::Feed(const v1::OutputChunk& chunk) {
  const std::tuple<std::string, int> key(chunk.task(), chunk.stream());
  const auto found = kept_.try_emplace(key, Kept{.chunks = {}, .starts = LineStarts(lines_)}).first;
  Kept& kept = found->second;
  // Of another attempt, or behind a gap: what was before does not belong to it.
  if (!kept.chunks.empty() && (kept.chunks.back().attempt() != chunk.attempt() || chunk.dropped() > 0)) {
    kept.chunks.clear();
    kept.starts = LineStarts(lines_);
  }
  kept.chunks.push_back(chunk);
  kept.chunks.back().set_dropped(0);
  kept.starts.Feed(chunk.offset(), chunk.data());
  const uint64_t first = kept.starts.first();
  const auto end = [](const v1::OutputChunk& piece) { return piece.offset() + piece.data().size(); };
  while (kept.chunks.size() > 1 && end(kept.chunks.front()) <= first) kept.chunks.pop_front();
  v1::OutputChunk& front = kept.chunks.front();
  if (first > front.offset()) CutFront(first - front.offset(), &front);
}

}  // namespace covey::cli
