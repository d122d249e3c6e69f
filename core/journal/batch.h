#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/journal/record.h"

namespace covey {

// The records of one append: one value from the decision to the journal and to the readers, who share it.
//
// Thread safety: immutable, but for the encoded form, which is made once whoever asks.
class Batch {
 public:
  using Encode = std::function<std::string(const Record&)>;

  // Records next to each other.
  explicit Batch(std::vector<Record> records) : records_(std::move(records)) {}
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  std::span<const Record> records() const { return records_; }
  size_t size() const { return records_.size(); }
  bool empty() const { return records_.empty(); }
  // Numbers of the first and the last record; 0 when there is none.
  uint64_t first() const { return records_.empty() ? 0 : records_.front().number; }
  uint64_t last() const { return records_.empty() ? 0 : records_.back().number; }

  // The form of each record for readers, in their order. Made by the first call; every call must bring the
  // same `encode`.
  const std::vector<std::string>& Encoded(const Encode& encode) const;

 private:
  const std::vector<Record> records_;
  // Not std::call_once: under ThreadSanitizer it hangs after an exception.
  mutable Mutex mutex_;
  mutable std::vector<std::string> encoded_;  // made under mutex_, constant from then on
};

using BatchPtr = std::shared_ptr<const Batch>;

}  // namespace covey
