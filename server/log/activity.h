#pragma once

#include <memory>
#include <utility>

#include "core/engine/activity.h"
#include "server/log/log.h"

namespace covey {

// Brings to the log what became of groups and attempts: a group that failed or was cancelled at `info`, one that
// succeeded at `debug`, an attempt that was lost at `warning`, one that was killed at `info`.
//
// Thread safety: all of it.
class ActivityLines final : public ActivityListener {
 public:
  explicit ActivityLines(std::shared_ptr<Log> log) : log_(std::move(log)) {}

  bool WantsSuccesses() const override { return log_->Wants(LogPart::kGroups, LogLevel::kDebug); }
  void OnDecided(const GroupDecision& decision) override;
  void OnTrouble(const AttemptTrouble& trouble) override;

 private:
  const std::shared_ptr<Log> log_;
};

}  // namespace covey
