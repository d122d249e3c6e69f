#include "core/output/output_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "core/base/make_directory.h"
#include "core/output/file_io.h"

namespace covey {
namespace {

// At the beginning of a tail file, in the byte order of the machine: the files stay on it.
struct TailHeader {
  uint64_t magic = 0;
  uint64_t start = 0;
  uint64_t check = 0;
};
constexpr uint64_t kMagic = 0x31'74'75'6F'79'76'6F'63;  // "covyout1"
constexpr uint64_t kNoStart = UINT64_MAX;
constexpr mode_t kDirectoryMode = 0700;

uint64_t Check(uint64_t start) { return (start ^ kMagic) * 0x9E3779B97F4A7C15; }

uint64_t NextId() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// Opens for appending; makes the directory when it is missing. Another thread may have just made it and not
// yet given it its mode (the umask is what somebody chose before the start): then it is given it here.
UniqueFd OpenToWrite(const std::string& path, int flags, FdCache* fds) {
  for (int attempt = 0;; ++attempt) {
    UniqueFd fd(OpenRetrying(path, O_WRONLY | O_APPEND | flags));
    if (fd && !fd.LeaveStdio()) fd.Reset();
    if (fd || attempt == 2) return fd;
    if ((errno == ENOENT || errno == EACCES) && (flags & O_CREAT) != 0) {
      const std::string directory = path.substr(0, path.find_last_of('/'));
      if (!MakeDirectory(directory, kDirectoryMode) &&
          (errno != EEXIST || ::chmod(directory.c_str(), kDirectoryMode) != 0)) {
        return fd;
      }
    } else if (errno == EMFILE || errno == ENFILE) {
      fds->Clear();
    } else {
      return fd;
    }
  }
}

uint64_t HeaderSize(int slot) { return slot == 0 ? 0 : sizeof(TailHeader); }

// Where the bytes of a tail file begin; kNoStart for a file that is none, or was torn by a crash.
uint64_t StartOf(int fd) {
  TailHeader header;
  if (ReadAll(fd, reinterpret_cast<char*>(&header), sizeof header, 0) != sizeof header) return kNoStart;
  return header.magic == kMagic && header.check == Check(header.start) ? header.start : kNoStart;
}

}  // namespace

OutputLog::OutputLog(std::string path, Bounds bounds, FdCache* fds)
    : path_(std::move(path)), bounds_(bounds), fds_(fds), id_(NextId()), times_(path_ + ".times") {}

OutputLog::~OutputLog() {
  if (fds_ != nullptr) fds_->Drop(id_);
}

std::string OutputLog::PathOf(int slot) const {
  return slot == 0 ? path_ : path_ + '.' + std::to_string(slot);
}

void OutputLog::LoadLocked() {
  if (std::exchange(loaded_, true)) return;
  for (int slot = 0; slot <= kSlots; ++slot) {
    const UniqueFd fd(OpenRetrying(PathOf(slot), O_RDONLY));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0) {
      if (slot == 0) return;
      continue;
    }
    const auto size = static_cast<uint64_t>(info.st_size);
    const uint64_t start = slot == 0 ? 0 : StartOf(fd.get());
    if (start != kNoStart)
      segments_.push_back({.slot = slot, .start = start, .length = size - HeaderSize(slot)});
  }
  std::sort(segments_.begin(), segments_.end(), [](const Segment& a, const Segment& b) {
    return std::pair(a.start, a.slot) < std::pair(b.start, b.slot);
  });
  // What overlaps was not written by us as it is now: the bytes that came first are believed.
  std::vector<Segment> sound;
  for (const Segment& segment : segments_) {
    if (segment.end() < segment.start || (!sound.empty() && segment.start < sound.back().end())) continue;
    sound.push_back(segment);
  }
  segments_ = std::move(sound);
  size_ = segments_.empty() ? 0 : segments_.back().end();
  broken_ = !segments_.empty() && segments_.back().slot != 0;
}

uint64_t OutputLog::RoomLocked() const {
  if (segments_.empty() || broken_ || size_ != segments_.back().end()) return 0;
  const Segment& newest = segments_.back();
  const uint64_t bound = newest.slot == 0 ? bounds_.head : std::max<uint64_t>(bounds_.tail / 4, 1);
  return bound > newest.length ? bound - newest.length : 0;
}

int OutputLog::FreeSlotLocked() {
  uint64_t kept = 0;
  for (const Segment& segment : segments_) kept += segment.slot == 0 ? 0 : segment.length;
  // segments_[0] is the head.
  while (segments_.size() > 1 &&
         (kept - segments_[1].length >= bounds_.tail || segments_.size() > static_cast<size_t>(kSlots))) {
    kept -= segments_[1].length;
    // Not truncated: a reader that has it open goes on reading what it expects.
    ::unlink(PathOf(segments_[1].slot).c_str());
    segments_.erase(segments_.begin() + 1);
    times_.Forget(segments_[0].end(), segments_.size() > 1 ? segments_[1].start : size_);
  }
  for (int slot = 1;; ++slot) {
    const auto taken = [slot](const Segment& segment) { return segment.slot == slot; };
    if (std::none_of(segments_.begin(), segments_.end(), taken)) return slot;
  }
}

bool OutputLog::MakeSegmentLocked(int slot) {
  const std::string path = PathOf(slot);
  if (slot != 0) ::unlink(path.c_str());  // torn, or overlapping: not one of segments_
  auto fd = std::make_shared<UniqueFd>(OpenToWrite(path, O_CREAT | O_EXCL, fds_));
  if (!*fd) return false;
  if (slot != 0) {
    const TailHeader header{.magic = kMagic, .start = size_, .check = Check(size_)};
    const std::string_view bytes(reinterpret_cast<const char*>(&header), sizeof header);
    if (WriteAll(fd->get(), bytes) != bytes.size()) {
      ::unlink(path.c_str());
      return false;
    }
  }
  segments_.push_back({.slot = slot, .start = slot == 0 ? 0 : size_, .length = 0});
  broken_ = false;
  fds_->Put(id_, std::move(fd));
  return true;
}

bool OutputLog::OpenNextLocked() {
  if (segments_.empty() && !MakeSegmentLocked(0)) return false;
  if (RoomLocked() > 0) return true;
  return bounds_.tail > 0 && MakeSegmentLocked(FreeSlotLocked());
}

size_t OutputLog::WriteLocked(std::string_view bytes) {
  Segment& newest = segments_.back();
  FdCache::Fd fd = fds_->Get(id_);
  if (fd == nullptr) {
    fd = std::make_shared<UniqueFd>(OpenToWrite(PathOf(newest.slot), 0, fds_));
    if (!*fd) return 0;
    fds_->Put(id_, fd);
  }
  const size_t written = WriteAll(fd->get(), bytes);
  newest.length += written;
  size_ += written;
  return written;
}

void OutputLog::Append(std::string_view bytes, std::span<const OutputTime> times) {
  MutexLock lock(mutex_);
  LoadLocked();
  for (const OutputTime& mark : times) times_.Mark(size_ + mark.offset, mark.time);
  while (!bytes.empty() && !abandoned_) {
    if (RoomLocked() == 0 && !OpenNextLocked()) break;
    const std::string_view part = bytes.substr(0, std::min<uint64_t>(bytes.size(), RoomLocked()));
    const size_t written = WriteLocked(part);
    bytes.remove_prefix(written);
    if (written < part.size()) {
      broken_ = true;
      break;
    }
  }
  size_ += bytes.size();
  if (!abandoned_ && !segments_.empty()) times_.Save();
}

void OutputLog::Lose(uint64_t bytes) {
  MutexLock lock(mutex_);
  LoadLocked();
  size_ += bytes;
}

void OutputLog::Finish() {
  MutexLock lock(mutex_);
  LoadLocked();
  fds_->Drop(id_);
  const uint64_t kept = segments_.empty() ? 0 : segments_.back().end();
  if (abandoned_ || size_ == kept) return;
  // An empty segment where the stream ended. Where even that finds no room, the dropped end is forgotten.
  if (segments_.empty() && !MakeSegmentLocked(0)) return;
  MakeSegmentLocked(FreeSlotLocked());
  fds_->Drop(id_);
}

void OutputLog::Abandon() {
  MutexLock lock(mutex_);
  abandoned_ = true;
  fds_->Drop(id_);
}

uint64_t OutputLog::size() {
  MutexLock lock(mutex_);
  LoadLocked();
  return size_;
}

uint64_t OutputLog::kept() {
  MutexLock lock(mutex_);
  LoadLocked();
  uint64_t kept = 0;
  for (const Segment& segment : segments_) kept += segment.length;
  return kept;
}

OutputPiece OutputLog::Read(uint64_t offset, size_t limit, bool finished) {
  OutputPiece piece{.offset = offset};
  Segment segment;
  UniqueFd fd;
  uint64_t size = 0;
  {
    MutexLock lock(mutex_);
    LoadLocked();
    size = size_;
    const auto found = std::find_if(segments_.begin(), segments_.end(),
                                    [offset](const Segment& candidate) { return candidate.end() > offset; });
    if (found != segments_.end()) {
      segment = *found;
      fd.Reset(OpenRetrying(PathOf(segment.slot), O_RDONLY));  // now, while it cannot be deleted
    } else {
      segment.start = std::max(offset, size);  // all that there is behind `offset` was dropped
    }
    piece.offset = std::max(offset, segment.start);
    piece.bytes.resize(std::min<uint64_t>(limit, segment.end() - piece.offset));
    piece.times = times_.Between(piece.offset, piece.offset + piece.bytes.size());
  }
  const size_t wanted = piece.bytes.size();
  const uint64_t at = HeaderSize(segment.slot) + (piece.offset - segment.start);
  piece.bytes.resize(fd ? ReadAll(fd.get(), piece.bytes.data(), wanted, at) : 0);
  while (!piece.times.empty() && piece.times.back().offset >= piece.offset + piece.bytes.size())
    piece.times.pop_back();
  if (wanted > 0 && piece.bytes.empty()) piece.offset = segment.end();  // unreadable: as if it was dropped
  piece.dropped = piece.offset - offset;
  piece.end = finished && piece.offset + piece.bytes.size() >= size;
  return piece;
}

}  // namespace covey
