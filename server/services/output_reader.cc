#include "server/services/output_reader.h"

#include <utility>

#include "server/edge/completion.h"

namespace covey {
namespace {

constexpr size_t kChunk = 64 * 1024;

}  // namespace

edge::Task<Result<OutputPiece>> ReadOutputPiece(const ServiceContext& context, const OutputKey& key,
                                                uint64_t offset) {
  edge::Completion<OutputPiece> read;
  context.readers->Run([&store = context.engine->output(), key, offset,
                        completer = read.completer()] { completer(store.Read(key, offset, kChunk)); },
                       /*at_once=*/1);
  Result<OutputPiece> piece = co_await read;
  co_return std::move(piece);
}

void TellLostEnd(uint64_t size, OutputPiece* piece) {
  const uint64_t next = piece->offset + piece->bytes.size();
  if (!piece->end || next >= size) return;
  if (!piece->bytes.empty()) {
    piece->end = false;  // the next one says it
    return;
  }
  piece->dropped += size - next;
  piece->offset = size;
}

}  // namespace covey
