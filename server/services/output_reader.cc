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

}  // namespace covey
