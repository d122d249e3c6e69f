#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/engine/engine.h"
#include "core/journal/journal.h"

namespace covey {

// Which groups that are over go: those that are asked for and are over any of the bounds.
struct SweepBounds {
  std::optional<WallTime> ended_before;
  std::optional<WallTime> failed_before;  // the same, for those that have failed
  std::optional<uint64_t> keep_groups;    // so many stay, the newest ones
  std::optional<uint64_t> keep_bytes;     // and no more than so many bytes of them
  std::vector<GroupPhase> phases;         // one of these; empty: all
  Labels labels;                          // all of these
};

// What went, or would.
struct Swept {
  static constexpr size_t kTold = 1000;

  uint64_t groups = 0;
  uint64_t bytes = 0;
  std::vector<EndedGroup> first;  // kTold of them at most, the one that ended first first
};

// Purges what is over its bounds: the oldest first, some at a time, with a pause between, so that nobody waits for more
// than some of it.
//
// Blocks. Thread safety: none, but many may be at work.
class Sweep {
 public:
  static constexpr size_t kAtOnce = 128;

  Sweep(Engine& engine, SweepBounds bounds) : engine_(engine), bounds_(std::move(bounds)) {}

  // What would go.
  Result<Swept> Look() { return Run(/*purges=*/false, {}); }
  // Purges until nothing is over, or `go_on`, which is asked between the steps and makes the pause, says no.
  Result<Swept> Purge(std::function<bool()> go_on) { return Run(/*purges=*/true, std::move(go_on)); }
  // The earliest end of a group that none of the bounds sends away yet, of those that failed and of the others;
  // after a run.
  std::optional<WallTime> oldest_left(bool failed) const { return lists_[failed ? 1 : 0].left; }

 private:
  // Groups in the order of their end.
  struct List {
    bool failed = false;
    EndedPage page;
    size_t at = 0;
    bool begun = false;
    bool done = false;
    std::optional<WallTime> left;
  };

  Result<Swept> Run(bool purges, std::function<bool()> go_on);
  // The group that ended first of what is left; null: none is.
  Result<const EndedGroup*> Next(List** from);
  std::optional<Error> Fill(List& list);
  Result<bool> Matches(const EndedGroup& group);
  // What there is too much of.
  std::optional<Error> Measure();
  bool IsOver(const EndedGroup& group, bool failed) const;
  std::optional<Error> Flush(bool purges);

  Engine& engine_;
  const SweepBounds bounds_;
  List lists_[2];
  uint64_t too_many_groups_ = 0;
  uint64_t too_many_bytes_ = 0;
  std::vector<EndedGroup> batch_;
  Swept swept_;
};

}  // namespace covey
