#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>

namespace covey {

// Reasons of refusals after which the same call may succeed later: they carry RetryInfo.
inline constexpr std::array<std::string_view, 8> kRetryableReasons = {
    "ACCOUNT_LOOKUP_FAILED", "JOURNAL_FAILED", "JOURNAL_FULL", "JOURNAL_UNWRITABLE", "QUEUE_FULL",
    "REQUESTS_FULL",         "SHUTTING_DOWN",  "STARTING"};
// How much later, at least.
inline constexpr std::chrono::seconds kRetryDelay{1};

inline bool IsRetryable(std::string_view reason) {
  return std::find(kRetryableReasons.begin(), kRetryableReasons.end(), reason) != kRetryableReasons.end();
}

}  // namespace covey
