// Any bytes in the place of stored ones are refused as damaged, or decoded; and what was decoded is stored so
// that it comes back. The first byte says of what kind the rest is.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/check.h"
#include "server/journal/storage.h"

namespace {

using namespace covey;  // NOLINT(google-build-using-namespace)

template <typename T>
void CheckRefusal(const Result<T>& result) {
  COVEY_CHECK(result.error().code == ErrorCode::kDataLoss && !result.error().message.empty());
}

void TryRecords(std::string_view bytes) {
  std::vector<Record> records;
  const Result<Void> decoded = storage::DecodeRecords(bytes, 1, &records);
  if (!decoded.ok()) return CheckRefusal(decoded);
  if (records.empty()) return;
  std::string again;
  storage::EncodeRecords(records, &again);
  std::vector<Record> same;
  COVEY_CHECK(storage::DecodeRecords(again, 1, &same).ok() && same.size() == records.size());
  std::string once_more;
  storage::EncodeRecords(same, &once_more);
  COVEY_CHECK(once_more == again);
}

void TrySpec(std::string_view bytes) {
  const auto decoded = storage::DecodeGroupSpec(bytes);
  if (!decoded.ok()) return CheckRefusal(decoded);
  const std::string again = storage::EncodeGroupSpec(*decoded.value());
  COVEY_CHECK(storage::EncodeGroupSpec(*storage::DecodeGroupSpec(again).value()) == again);
}

void TrySummary(std::string_view bytes) {
  const auto decoded = storage::DecodeSummary(bytes, nullptr);
  if (!decoded.ok()) return CheckRefusal(decoded);
  const std::string again = storage::EncodeSummary(decoded.value());
  COVEY_CHECK(storage::EncodeSummary(storage::DecodeSummary(again, nullptr).value()) == again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      TryRecords(rest);
      break;
    case 1:
      TrySpec(rest);
      break;
    default:
      TrySummary(rest);
      break;
  }
  return 0;
}
