#pragma once

#include "core/output/output_store.h"
#include "server/edge/task.h"
#include "server/services/service_context.h"

namespace covey {

// Reads output on a reader thread, from `offset` on.
edge::Task<Result<OutputPiece>> ReadOutputPiece(const ServiceContext& context, const OutputKey& key,
                                                uint64_t offset);

// The attempt has ended and wrote `size` bytes: what of their end is in no file was lost, and the piece says so.
void TellLostEnd(uint64_t size, OutputPiece* piece);

}  // namespace covey
