#pragma once

#include <cstddef>
#include <span>

#include "core/journal/record.h"

namespace covey {

// How many of the first of `records`, of which there is at least one, share a row of the table of records: at
// most 512, and about a MiB, so that a read of a few records decodes few.
size_t RowLength(std::span<const Record> records);

}  // namespace covey
