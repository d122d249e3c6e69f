#include "core/output/output_times.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/base/unique_fd.h"
#include "core/output/file_io.h"

namespace covey {
namespace {

// In the byte order of the machine: the files stay on it.
struct TimeRecord {
  uint64_t offset = 0;
  int64_t time = 0;  // microseconds since the epoch
  uint64_t check = 0;
};
constexpr size_t kMostRecords = 2 * OutputTimes::kMost;

uint64_t TimeCheck(const TimeRecord& record) {
  constexpr uint64_t kTimesMagic = 0x31'73'65'6D'69'74'76'63;  // "cvtimes1"
  return ((record.offset ^ kTimesMagic) * 0x9E3779B97F4A7C15) ^
         (static_cast<uint64_t>(record.time) * 0xC2B2AE3D27D4EB4F);
}

bool Earlier(uint64_t offset, const OutputTime& mark) { return offset < mark.offset; }

}  // namespace

void OutputTimes::Load() {
  if (std::exchange(loaded_, true)) return;
  const UniqueFd fd(OpenRetrying(path_, O_RDONLY));
  if (!fd) return;
  std::vector<TimeRecord> records(kMostRecords);
  const size_t bytes =
      ReadAll(fd.get(), reinterpret_cast<char*>(records.data()), records.size() * sizeof(TimeRecord), 0);
  records.resize(bytes / sizeof(TimeRecord));
  marks_.reserve(records.size());
  for (const TimeRecord& record : records) {
    if (record.check != TimeCheck(record)) break;
    if (!marks_.empty() && record.offset <= marks_.back().offset) break;
    marks_.push_back({.offset = record.offset, .time = WallTime(std::chrono::microseconds(record.time))});
  }
  unsaved_ = marks_.empty() ? 0 : marks_.back().offset + 1;
  in_file_ = bytes == marks_.size() * sizeof(TimeRecord) ? marks_.size() : kMostRecords;
}

void OutputTimes::Mark(uint64_t offset, WallTime time) {
  Load();
  if (!marks_.empty() && (offset <= marks_.back().offset || Near(marks_.back().time, time, apart_))) return;
  marks_.push_back({.offset = offset, .time = time});
  if (marks_.size() > kMost) Thin();
}

void OutputTimes::Thin() {
  constexpr size_t kEnough = kMost * 3 / 4;
  while (marks_.size() > kEnough) {
    apart_ *= 2;
    size_t kept = 1;
    for (size_t i = 1; i < marks_.size(); ++i) {
      const auto apart = marks_[i].time - marks_[kept - 1].time;
      if (std::chrono::abs(apart) >= apart_) marks_[kept++] = marks_[i];
    }
    marks_.resize(kept);
  }
}

void OutputTimes::Forget(uint64_t begin, uint64_t end) {
  Load();
  // The last one before `end` tells of what is behind it.
  const auto first = std::partition_point(marks_.begin(), marks_.end(),
                                          [begin](const OutputTime& mark) { return mark.offset < begin; });
  const auto behind = std::upper_bound(first, marks_.end(), end, Earlier);
  if (behind - first > 1) marks_.erase(first, behind - 1);
}

void OutputTimes::Save() {
  const auto first = std::partition_point(marks_.begin(), marks_.end(),
                                          [this](const OutputTime& mark) { return mark.offset < unsaved_; });
  if (first == marks_.end()) return;
  const std::span<const OutputTime> fresh(&*first, static_cast<size_t>(marks_.end() - first));
  bool saved = false;
  if (in_file_ + fresh.size() <= kMostRecords) {
    saved = Append(fresh, O_APPEND);
    in_file_ = saved ? in_file_ + fresh.size() : kMostRecords + 1;
  } else {
    const std::string next = path_ + ".new";
    saved = Append(marks_, O_TRUNC) && std::rename(next.c_str(), path_.c_str()) == 0;
    if (saved) in_file_ = marks_.size();
  }
  if (saved) unsaved_ = marks_.back().offset + 1;
}

bool OutputTimes::Append(std::span<const OutputTime> marks, int flags) const {
  std::vector<TimeRecord> records;
  records.reserve(marks.size());
  for (const OutputTime& mark : marks) {
    records.push_back({.offset = mark.offset, .time = mark.time.time_since_epoch().count()});
    records.back().check = TimeCheck(records.back());
  }
  const std::string_view bytes(reinterpret_cast<const char*>(records.data()),
                               records.size() * sizeof(TimeRecord));
  UniqueFd fd(OpenRetrying((flags & O_TRUNC) != 0 ? path_ + ".new" : path_, O_WRONLY | O_CREAT | flags));
  return fd && fd.LeaveStdio() && WriteAll(fd.get(), bytes) == bytes.size();
}

std::vector<OutputTime> OutputTimes::Between(uint64_t begin, uint64_t end) {
  Load();
  auto first = std::upper_bound(marks_.begin(), marks_.end(), begin, Earlier);
  const auto behind =
      std::partition_point(first, marks_.end(), [end](const OutputTime& mark) { return mark.offset < end; });
  const bool known = first != marks_.begin();
  if (known) --first;
  std::vector<OutputTime> times(first, behind);
  if (known) times.front().offset = begin;
  if (begin >= end) times.clear();
  return times;
}

}  // namespace covey
