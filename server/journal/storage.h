#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/journal/journal.h"
#include "covey/result.h"

// Between core's values and the bytes that the SQLite journal stores (storage.proto). Everything goes there
// and comes back. Decoding checks each number: what this version does not know is an error that says so,
// never a guess.
namespace covey::storage {

// Appends the encoding of records next to each other, of which there is at least one, to `out`.
void EncodeRecords(std::span<const Record> records, std::string* out);
// Appends to `out` what EncodeRecords made; the first one has number `first`.
Result<Void> DecodeRecords(std::string_view bytes, uint64_t first, std::vector<Record>* out);

std::string EncodeGroupSpec(const GroupSpec& spec);
Result<std::shared_ptr<const GroupSpec>> DecodeGroupSpec(std::string_view bytes);

// Without the spec.
std::string EncodeSummary(const GroupSummary& summary);
Result<GroupSummary> DecodeSummary(std::string_view bytes, std::shared_ptr<const GroupSpec> spec);

}  // namespace covey::storage
