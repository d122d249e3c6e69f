#include "core/engine/sweep.h"

#include <algorithm>
#include <utility>

#include "core/engine/await.h"

namespace covey {
namespace {

constexpr size_t kPage = 1000;

uint64_t Beyond(uint64_t value, const std::optional<uint64_t>& bound) {
  return bound && value > *bound ? value - *bound : 0;
}

}  // namespace

std::optional<Error> Sweep::Fill(List& list) {
  if (list.done || list.at < list.page.groups.size()) return std::nullopt;
  if (list.begun && list.page.next.empty()) {
    list.done = true;
    return std::nullopt;
  }
  auto page = Await<EndedPage>(
      {}, [&](auto done) { engine_.Oldest(list.failed, kPage, list.page.next, std::move(done)); });
  if (!page.ok()) return page.error();
  list.page = std::move(page.value());
  list.at = 0;
  list.begun = true;
  list.done = list.page.groups.empty();
  return std::nullopt;
}

Result<const EndedGroup*> Sweep::Next(List** from) {
  const EndedGroup* next = nullptr;
  for (List& list : lists_) {
    if (std::optional<Error> error = Fill(list)) return *std::move(error);
    if (list.done) continue;
    const EndedGroup& group = list.page.groups[list.at];
    if (next != nullptr && next->ended <= group.ended) continue;
    next = &group;
    *from = &list;
  }
  return next;
}

Result<bool> Sweep::Matches(const EndedGroup& group) {
  const auto& phases = bounds_.phases;
  if (!phases.empty() && std::find(phases.begin(), phases.end(), group.phase) == phases.end()) return false;
  if (bounds_.labels.empty()) return true;
  auto found = Await<GroupSummary>({}, [&](auto done) { engine_.Summary(group.id, std::move(done)); });
  if (!found.ok()) {  // gone meanwhile, or damaged: not known to be meant
    const bool passed =
        found.error().code == ErrorCode::kNotFound || found.error().code == ErrorCode::kDataLoss;
    return passed ? Result<bool>(false) : Result<bool>(found.error());
  }
  const Labels& labels = found.value().spec->labels;
  return std::all_of(bounds_.labels.begin(), bounds_.labels.end(), [&](const auto& wanted) {
    return std::find(labels.begin(), labels.end(), wanted) != labels.end();
  });
}

std::optional<Error> Sweep::Measure() {
  if (!bounds_.keep_groups && !bounds_.keep_bytes) return std::nullopt;
  uint64_t groups = 0;
  uint64_t bytes = 0;
  if (bounds_.phases.empty() && bounds_.labels.empty()) {
    const JournalUsage usage = engine_.journal_usage();
    groups = usage.ended_groups;
    bytes = usage.ended_bytes;
  } else {
    for (const bool failed : {false, true}) {
      List list{.failed = failed};
      for (;;) {
        if (std::optional<Error> error = Fill(list)) return error;
        if (list.done) break;
        const EndedGroup& group = list.page.groups[list.at++];
        const Result<bool> matches = Matches(group);
        if (!matches.ok()) return matches.error();
        if (!matches.value()) continue;
        ++groups;
        bytes += group.bytes;
      }
    }
  }
  too_many_groups_ = Beyond(groups, bounds_.keep_groups);
  too_many_bytes_ = Beyond(bytes, bounds_.keep_bytes);
  return std::nullopt;
}

bool Sweep::IsOver(const EndedGroup& group, bool failed) const {
  const std::optional<WallTime>& before = failed ? bounds_.failed_before : bounds_.ended_before;
  return too_many_groups_ > 0 || too_many_bytes_ > 0 || (before && group.ended < *before);
}

std::optional<Error> Sweep::Flush(bool purges) {
  std::vector<EndedGroup> gone = std::exchange(batch_, {});
  if (purges && !gone.empty()) {
    auto purged = Await<std::vector<EndedGroup>>(
        {}, [&](auto done) { engine_.Purge(std::move(gone), std::move(done)); });
    if (!purged.ok()) return purged.error();
    gone = std::move(purged.value());
  }
  for (EndedGroup& group : gone) {
    ++swept_.groups;
    swept_.bytes += group.bytes;
    if (swept_.first.size() < Swept::kTold) swept_.first.push_back(std::move(group));
  }
  return std::nullopt;
}

Result<Swept> Sweep::Run(bool purges, std::function<bool()> go_on) {
  lists_[0] = {.failed = false};
  lists_[1] = {.failed = true};
  swept_ = {};
  if (std::optional<Error> error = Measure()) return *std::move(error);
  for (;;) {
    List* list = nullptr;
    const Result<const EndedGroup*> next = Next(&list);
    if (!next.ok()) return next.error();
    if (next.value() == nullptr) break;
    const EndedGroup& group = *next.value();
    if (!IsOver(group, list->failed)) {
      list->left = group.ended;
      list->done = true;  // those behind it are younger
      continue;
    }
    ++list->at;
    const Result<bool> matches = Matches(group);
    if (!matches.ok()) return matches.error();
    if (!matches.value()) continue;
    too_many_groups_ -= std::min<uint64_t>(too_many_groups_, 1);
    too_many_bytes_ -= std::min(too_many_bytes_, group.bytes);
    batch_.push_back(group);
    if (batch_.size() < kAtOnce) continue;
    if (std::optional<Error> error = Flush(purges)) return *std::move(error);
    if (go_on && !go_on()) return std::move(swept_);
  }
  if (std::optional<Error> error = Flush(purges)) return *std::move(error);
  return std::move(swept_);
}

}  // namespace covey
