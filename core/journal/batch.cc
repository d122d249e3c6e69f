#include "core/journal/batch.h"

namespace covey {

const std::vector<std::string>& Batch::Encoded(const Encode& encode) const {
  MutexLock lock(mutex_);
  if (encoded_.size() < records_.size()) {
    std::vector<std::string> encoded;
    encoded.reserve(records_.size());
    for (const Record& record : records_) encoded.push_back(encode(record));
    encoded_ = std::move(encoded);  // at the end: an encoder that throws leaves nothing behind
  }
  return encoded_;
}

}  // namespace covey
