#include "server/journal/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/unique_fd.h"
#include "server/journal/checksum.h"
#include "server/journal/data_lock.h"
#include "server/journal/new_directory.h"
#include "server/journal/tar.h"

namespace covey {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = size_t{256} << 10;
constexpr char kComplete[] = "COMPLETE";

std::string SumText(uint64_t sum) {
  char text[32];
  std::snprintf(text, sizeof text, "xxh64 %016llx\n", static_cast<unsigned long long>(sum));
  return text;
}

}  // namespace

// The files of a data directory that belong into a backup, one after the other; then the bytes of each.
class BackupStream::Files {
 public:
  explicit Files(std::string directory) : directory_(std::move(directory)) {}

  // The name of the next one, which is open then; empty: there are no more.
  Result<std::string> Open() {
    for (;;) {
      std::string name = NextName();
      if (name.empty()) return name;
      const std::string path = directory_ + '/' + name;
      file_.Reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
      struct stat found {};
      if (!file_ && errno == ENOENT && name != "journal.db") continue;  // gone meanwhile, or not there yet
      if (!file_ || ::fstat(file_.get(), &found) != 0) return DataDirectoryError(path, "read the file");
      if (!S_ISREG(found.st_mode)) continue;
      left_ = static_cast<uint64_t>(found.st_size);
      return name;
    }
  }
  uint64_t left() const { return left_; }

  // Appends up to `most` of what is left of the open file.
  Result<Void> Read(size_t most, std::string* out) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(most, left_));
    const size_t before = out->size();
    out->resize(before + wanted);
    ssize_t got = ::read(file_.get(), out->data() + before, wanted);
    if (got < 0 && errno != EINTR) return DataDirectoryError(directory_, "read a file");
    // No file of a data directory becomes shorter but one that is being deleted: its rest is nobody's.
    if (got == 0) got = static_cast<ssize_t>(wanted);
    out->resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    left_ -= out->size() - before;
    return Void{};
  }

 private:
  std::string NextName() {
    if (stage_ < 2) return stage_++ == 0 ? "journal.db" : "journal.db-wal";
    std::error_code failed;
    if (stage_ == 2) {
      ++stage_;
      groups_ = fs::directory_iterator(directory_ + "/output", failed);
    }
    for (;;) {
      if (files_ != fs::directory_iterator()) {
        std::string name = "output/" + group_ + '/' + files_->path().filename().string();
        files_.increment(failed);
        if (failed) files_ = {};
        return name;
      }
      if (groups_ == fs::directory_iterator()) return {};
      group_ = groups_->path().filename().string();
      const fs::path path = groups_->path();
      groups_.increment(failed);
      if (failed) groups_ = {};
      if (group_.starts_with(".")) continue;  // purged
      files_ = fs::directory_iterator(path, failed);
      if (failed) files_ = {};
    }
  }

  const std::string directory_;
  int stage_ = 0;
  fs::directory_iterator groups_;
  fs::directory_iterator files_;
  std::string group_;
  UniqueFd file_;
  uint64_t left_ = 0;
};

BackupStream::BackupStream(std::string directory, std::shared_ptr<void> hold)
    : hold_(std::move(hold)), files_(std::make_unique<Files>(std::move(directory))) {}

BackupStream::~BackupStream() = default;

// Begins an entry.
Result<Void> BackupStream::Add(const std::string& name) {
  const std::optional<std::string> header = tar::Encode({.name = name, .size = files_->left()});
  if (!header) {
    return Error{.code = ErrorCode::kInternal,
                 .reason = "DATA_DIR_UNUSABLE",
                 .message = "a backup has no place for a file of the name " + name};
  }
  piece_ += *header;
  return Void{};
}

void BackupStream::Sum(size_t size) {
  for (size_t at = 0; at < size; at += tar::kBlock)
    sum_ = Xxh64(std::string_view(piece_).substr(at, tar::kBlock), sum_);
}

void BackupStream::Seal() {
  Sum(piece_.size());
  std::string last = SumText(sum_);
  piece_ += *tar::Encode({.name = kComplete, .size = last.size()});
  last.resize(last.size() + tar::Padding(last.size()) + 2 * tar::kBlock);
  piece_ += last;
  complete_ = true;
}

Result<std::string> BackupStream::Next() {
  while (!complete_ && piece_.size() < kPiece) {
    if (files_->left() > 0) {
      if (Result<Void> read = files_->Read(kPiece, &piece_); !read.ok()) return read.error();
      if (files_->left() == 0) piece_.resize(piece_.size() + tar::Padding(piece_.size()));
      continue;
    }
    Result<std::string> name = files_->Open();
    if (!name.ok()) return name.error();
    if (name.value().empty()) {
      Seal();
    } else if (Result<Void> added = Add(name.value()); !added.ok()) {
      return added.error();
    }
  }
  const size_t whole = piece_.size() / tar::kBlock * tar::kBlock;
  if (!complete_) Sum(whole);
  std::string bytes = piece_.substr(0, whole);
  piece_.erase(0, whole);
  return bytes;
}

// -------------------------------------------------------------------------------------------------------------
// Back again

namespace {

Error NoBackup(const std::string& file, const std::string& why) {
  return {.code = ErrorCode::kDataLoss, .reason = "BACKUP_DAMAGED", .message = "backup " + file + ": " + why};
}

// "journal.db", "journal.db-wal" or "output/GROUP/FILE": nothing that leads out of a data directory.
bool IsOfABackup(const std::string& name) {
  if (name == "journal.db" || name == "journal.db-wal") return true;
  constexpr std::string_view kOutput = "output/";
  if (!name.starts_with(kOutput)) return false;
  const std::string rest = name.substr(kOutput.size());
  const size_t slash = rest.find('/');
  if (slash == std::string::npos || rest.find('/', slash + 1) != std::string::npos) return false;
  const std::string file = rest.substr(slash + 1);
  return slash > 0 && rest[0] != '.' && !file.empty() && file[0] != '.';
}

// Takes an archive apart into a directory that is there.
class Unpacking {
 public:
  Unpacking(std::string file, std::string directory)
      : file_(std::move(file)),
        directory_(std::move(directory)),
        in_(::open(file_.c_str(), O_RDONLY | O_CLOEXEC)) {}

  Result<Void> Run() {
    if (!in_) return DataDirectoryError(file_, "read the backup");
    for (;;) {
      const uint64_t sum = sum_;
      if (Result<Void> read = ReadBlock(); !read.ok()) return read;
      const std::optional<tar::Header> header = tar::Decode(block_);
      if (!header) return NoBackup(file_, "it is damaged, or no backup");
      if (header->name == kComplete) return Check(header->size, sum);
      if (!IsOfABackup(header->name))
        return NoBackup(file_, "it holds " + header->name + ", which no backup does");
      if (Result<Void> made = Make(*header); !made.ok()) return made;
    }
  }

 private:
  // The next block, which goes into the sum.
  Result<Void> ReadBlock() {
    block_.resize(tar::kBlock);
    for (size_t have = 0; have < tar::kBlock;) {
      if (at_ == buffered_) {
        const ssize_t got = ::read(in_.get(), buffer_.data(), buffer_.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return DataDirectoryError(file_, "read the backup");
        if (got == 0) return NoBackup(file_, "it is cut off");
        at_ = 0;
        buffered_ = static_cast<size_t>(got);
      }
      const size_t part = std::min(tar::kBlock - have, buffered_ - at_);
      std::copy_n(buffer_.begin() + static_cast<ptrdiff_t>(at_), part,
                  block_.begin() + static_cast<ptrdiff_t>(have));
      at_ += part;
      have += part;
    }
    sum_ = Xxh64(block_, sum_);
    return Void{};
  }

  Result<Void> Check(uint64_t size, uint64_t sum) {
    if (Result<Void> read = ReadBlock(); !read.ok()) return read;
    if (size > tar::kBlock || block_.substr(0, size) != SumText(sum))
      return NoBackup(file_, "its checksum does not match");
    return Void{};
  }

  Result<Void> Make(const tar::Header& header) {
    const std::string path = directory_ + '/' + header.name;
    std::error_code failed;
    fs::create_directories(fs::path(path).parent_path(), failed);
    const UniqueFd out(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!out || ::fchmod(out.get(), 0600) != 0) return DataDirectoryError(path, "make the file");
    for (uint64_t left = header.size; left > 0;) {
      if (Result<Void> read = ReadBlock(); !read.ok()) return read;
      const size_t part = static_cast<size_t>(std::min<uint64_t>(left, tar::kBlock));
      pending_.append(block_, 0, part);
      left -= part;
      if (left > 0 && pending_.size() < kPiece) continue;
      if (::write(out.get(), pending_.data(), pending_.size()) != static_cast<ssize_t>(pending_.size()))
        return DataDirectoryError(path, "write the file");
      pending_.clear();
    }
    if (header.name.starts_with("journal") && ::fsync(out.get()) != 0)
      return DataDirectoryError(path, "sync the file");
    return Void{};
  }

  const std::string file_;
  const std::string directory_;
  const UniqueFd in_;
  std::string buffer_ = std::string(kPiece, '\0');
  size_t at_ = 0;
  size_t buffered_ = 0;
  std::string block_;
  std::string pending_;
  uint64_t sum_ = 0;
};

}  // namespace

Result<Void> RestoreBackup(const std::string& file, const std::string& directory) {
  Result<NewDirectory> made = NewDirectory::Make(directory);
  if (!made.ok()) return made.error();
  if (Result<Void> done = Unpacking(file, made.value().path()).Run(); !done.ok()) return done;
  return made.value().Keep();
}

}  // namespace covey
