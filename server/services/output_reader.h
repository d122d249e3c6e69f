#pragma once

#include "core/output/output_store.h"
#include "server/edge/task.h"
#include "server/services/service_context.h"

namespace covey {

// Reads output on a reader thread, from `offset` on.
edge::Task<Result<OutputPiece>> ReadOutputPiece(const ServiceContext& context, const OutputKey& key,
                                                uint64_t offset);

}  // namespace covey
