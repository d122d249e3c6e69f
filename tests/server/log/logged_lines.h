#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "server/log/output.h"

namespace covey::testing {

// Keeps the lines of a log.
class LoggedLines : public std::enable_shared_from_this<LoggedLines> {
 public:
  // An output that has room unless `SetFull(true)`.
  std::unique_ptr<LogOutput> Output() { return std::make_unique<Keeper>(shared_from_this()); }
  void SetFull(bool full) {
    MutexLock lock(mutex_);
    full_ = full;
  }
  // "warning a call was slow method=…", in the order in which they came.
  std::vector<std::string> All() const {
    MutexLock lock(mutex_);
    return lines_;
  }

 private:
  class Keeper final : public LogOutput {
   public:
    explicit Keeper(std::shared_ptr<LoggedLines> lines) : lines_(std::move(lines)) {}
    bool Write(const LogLine& line, bool) override {
      MutexLock lock(lines_->mutex_);
      if (lines_->full_) return false;
      lines_->lines_.push_back(std::string(kLogLevels[static_cast<size_t>(line.level)]) + " " +
                               AsMessage(line));
      return true;
    }

   private:
    const std::shared_ptr<LoggedLines> lines_;
  };

  mutable Mutex mutex_;
  bool full_ COVEY_GUARDED_BY(mutex_) = false;
  std::vector<std::string> lines_ COVEY_GUARDED_BY(mutex_);
};

}  // namespace covey::testing
