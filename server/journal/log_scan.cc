#include "server/journal/log_scan.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>
#include <vector>

#include "core/base/unique_fd.h"
#include "server/journal/data_directory.h"
#include "server/journal/log_frames.h"

namespace covey {
namespace {

using log_frames::kFrameHead;
using log_frames::kLogHead;
using log_frames::kSum;
using log_frames::Sum;

constexpr uint32_t kMagic = 0x377F0682;  // the last bit: the order of bytes in the sums
constexpr size_t kUsualPageSize = 4096;
constexpr size_t kSaltAt = 8;      // of a frame's head
constexpr size_t kLogSaltAt = 16;  // of the log's

// What a flipped bit of a word adds to a sum: the word's share in it, times a power of two.
Sum Times(Sum sum, uint32_t factor) { return {sum.first * factor, sum.second * factor}; }

// The bytes of a file, as long as this lives.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) : file_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    struct stat status {};
    if (!file_ || ::fstat(file_.get(), &status) != 0 || status.st_size == 0) return;
    size_ = static_cast<size_t>(status.st_size);
    bytes_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file_.get(), 0);
  }
  ~MappedFile() {
    if (bytes_ != MAP_FAILED) ::munmap(bytes_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const {
    return bytes_ == MAP_FAILED ? std::string_view()
                                : std::string_view(static_cast<const char*>(bytes_), size_);
  }

 private:
  const UniqueFd file_;
  size_t size_ = 0;
  void* bytes_ = MAP_FAILED;
};

class Scan {
 public:
  explicit Scan(std::string_view log) : log_(log) {}

  ScannedLog Run() {
    if (log_.size() < kLogHead) return std::move(scanned_);
    ReadHead();
    const size_t frame_size = kFrameHead + scanned_.page_size;
    for (size_t at = kLogHead; at + frame_size <= log_.size(); at += frame_size)
      OnFrame(log_.data() + at, log_.substr(at + kFrameHead, scanned_.page_size));
    return std::move(scanned_);
  }

 private:
  void ReadHead() {
    const uint32_t magic = log_frames::Integer(log_.data());
    const uint64_t size = log_frames::Integer(log_.data() + 8);
    big_endian_ = (magic & 1) != 0;
    const Sum stored = log_frames::Load(log_.data() + log_frames::kLogSumAt);
    const Sum sum = log_frames::Add({}, log_.substr(0, log_frames::kLogSumAt), big_endian_);
    const bool sized = size >= 512 && size <= 65536 && std::has_single_bit(size);
    whole_ = stored == sum && (magic & ~1U) == kMagic && sized;
    scanned_.page_size = sized ? size : kUsualPageSize;
    if (!whole_) {
      scanned_.page_size = kUsualPageSize;
      big_endian_ = false;
    }
    salt_ = log_.substr(whole_ ? kLogSaltAt : kLogHead + kSaltAt, 8);
    before_ = {stored, sum};
    good_ = whole_;
    ends_commit_ = true;
  }

  void OnFrame(const char* head, std::string_view page) {
    const Sum stored = log_frames::Load(head + log_frames::kFrameSumAt);
    std::vector<Sum> sums;
    for (const Sum& sum : before_) sums.push_back(log_frames::OfFrame(head, page, sum, big_endian_));
    const bool linked = std::find(sums.begin(), sums.end(), stored) != sums.end();
    const bool salted = std::string_view(head + kSaltAt, 8) == salt_;
    const bool good = linked && (salted || good_);
    if (!whole_ && ends_commit_ && good) Prove();
    if (whole_ && !(good && salted)) {
      whole_ = false;
      one_flip_ = good || (salted && IsOneFlip(head, page, stored, sums.front()));
    } else {
      one_flip_ = one_flip_ && good;
    }
    if (good) pending_[log_frames::Number(head)] = page;
    good_ = good;
    const uint32_t count = log_frames::Integer(head + 4);
    // A flipped bit may have made the count zero.
    ends_commit_ = (count != 0 && (salted || good)) || std::exchange(flipped_count_, false);
    if (ends_commit_) Commit(good ? count : 0);
    // The next one goes on from what this one says of itself, or from what it was before it changed.
    sums.insert(sums.begin(), stored);
    sums.resize(std::min<size_t>(sums.size(), 3));
    before_ = std::move(sums);
  }

  void Commit(uint32_t count) {
    for (const auto& [number, page] : pending_) staged_[number] = page;
    pending_.clear();
    if (count != 0) staged_count_ = count;
    if (!whole_ && one_flip_) Prove();
    if (whole_) Keep();
  }
  // What was passed over since it was last whole is damaged, not torn.
  void Prove() {
    scanned_.is_damaged = true;
    whole_ = true;
    Keep();
  }
  void Keep() {
    for (const auto& [number, page] : staged_) scanned_.pages[number] = page;
    staged_.clear();
    if (staged_count_ != 0) scanned_.page_count = std::exchange(staged_count_, 0);
  }

  // Whether one flipped bit in the frame makes its sum what is stored, or one in what is stored.
  bool IsOneFlip(const char* head, std::string_view page, const Sum& stored, const Sum& sum) {
    if (std::popcount(stored.first ^ sum.first) + std::popcount(stored.second ^ sum.second) == 1) return true;
    const Sum missing{stored.first - sum.first, stored.second - sum.second};
    // From the last word back: what one more in it adds to the sum.
    Sum second{0, 1};
    Sum first{1, 1};
    for (size_t left = page.size() / kSum + 1; left > 0; --left) {
      const char* const words = left > 1 ? page.data() + (left - 2) * kSum : head;
      if (Explains(words, first, missing)) return true;
      if (Explains(words + 4, second, missing)) {
        flipped_count_ = left == 1;
        return true;
      }
      second = Behind(second);
      first = Behind(first);
    }
    return false;
  }
  // A sum after two more words that are zero.
  static Sum Behind(Sum sum) {
    sum.first += sum.second;
    sum.second += sum.first;
    return sum;
  }
  bool Explains(const char* word, const Sum& share, const Sum& missing) const {
    uint32_t value = log_frames::Integer(word);
    if (!big_endian_) value = __builtin_bswap32(value);
    for (int bit = 0; bit < 32; ++bit) {
      const uint32_t power = uint32_t{1} << bit;
      if (Times(share, (value & power) != 0 ? 0U - power : power) == missing) return true;
    }
    return false;
  }

  const std::string_view log_;
  ScannedLog scanned_;
  bool big_endian_ = false;
  std::string_view salt_;
  std::vector<Sum> before_;     // that the next frame may go on from
  bool whole_ = true;           // so far all of it was committed, or is known to be damaged
  bool good_ = false;           // the last frame is what was written
  bool ends_commit_ = false;    // the last frame
  bool one_flip_ = false;       // since it is not whole: one flip explains it, and all that follows is good
  bool flipped_count_ = false;  // of the pages, in the head of the last frame
  // Pages of the commit that has not ended; those of commits that are not proved.
  std::map<uint32_t, std::string_view> pending_;
  std::map<uint32_t, std::string_view> staged_;
  uint32_t staged_count_ = 0;
};

}  // namespace

ScannedLog ScanLog(std::string_view log) { return Scan(log).Run(); }

Result<Void> CheckLog(const std::string& path) {
  const MappedFile log(path + "-wal");
  if (!ScanLog(log.bytes()).is_damaged) return Void{};
  return Error{
      .code = ErrorCode::kDataLoss,
      .reason = "JOURNAL_CORRUPT",
      .message = path + "-wal: a commit in the write-ahead log is damaged, and cannot be undone alone"};
}

Result<bool> FoldLog(const std::string& path) {
  bool damaged = false;
  {
    const MappedFile log(path + "-wal");
    const ScannedLog scanned = ScanLog(log.bytes());
    damaged = scanned.is_damaged;
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return DataDirectoryError(path, "write the file");
    for (const auto& [number, page] : scanned.pages) {
      const auto at = static_cast<off_t>((number - uint64_t{1}) * scanned.page_size);
      if (number == 0 || (scanned.page_count != 0 && number > scanned.page_count)) continue;
      if (::pwrite(file.get(), page.data(), page.size(), at) != static_cast<ssize_t>(page.size()))
        return DataDirectoryError(path, "write the file");
    }
    const auto size = static_cast<off_t>(scanned.page_count * uint64_t{scanned.page_size});
    if (size > 0 && ::ftruncate(file.get(), size) != 0) return DataDirectoryError(path, "write the file");
  }
  if (::unlink((path + "-wal").c_str()) != 0 && errno != ENOENT)
    return DataDirectoryError(path + "-wal", "remove the file");
  return damaged;
}

}  // namespace covey
