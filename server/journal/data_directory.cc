#include "server/journal/data_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <utility>

#include "core/engine/uuid.h"

namespace covey {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr size_t kMaxIdFile = 4096;

Result<FileMark> MarkOf(int fd, const std::string& path) {
  struct statx found {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &found) != 0)
    return DataDirectoryError(path, "look at the file");
  FileMark mark{.inode = found.stx_ino};
  if ((found.stx_mask & STATX_BTIME) != 0)
    mark.born = found.stx_btime.tv_sec * kSecond + found.stx_btime.tv_nsec;
  return mark;
}

// nullopt: there is no such file.
Result<std::optional<std::string>> ReadSmallFile(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::optional<std::string>();
  std::string text(kMaxIdFile, '\0');
  const ssize_t size = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  if (size < 0) return DataDirectoryError(path, "read the file");
  text.resize(static_cast<size_t>(size));
  return std::optional<std::string>(std::move(text));
}

// All of it or nothing, durable when it returns.
Result<Void> ReplaceFile(const std::string& directory, const std::string& name, const std::string& text) {
  const std::string path = directory + '/' + name;
  const std::string next = path + ".new";  // one that a crash has left is written over
  const UniqueFd fd(::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
      ::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(fd.get()) != 0 || ::rename(next.c_str(), path.c_str()) != 0) {
    return DataDirectoryError(path, "write the file");
  }
  return SyncDirectory(directory);
}

bool IsThere(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 && found.st_size > 0;
}

}  // namespace

std::string DirectoryId::Text() const {
  std::string text = id + "\n";
  if (mark) text += "lock " + std::to_string(mark->inode) + " " + std::to_string(mark->born) + "\n";
  return text;
}

std::optional<DirectoryId> DirectoryId::Parse(std::string_view text) {
  std::istringstream words{std::string(text)};
  DirectoryId found;
  words >> found.id;
  const bool plain = std::all_of(found.id.begin(), found.id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
  if (found.id.empty() || !plain) return std::nullopt;
  std::string what;
  if (!(words >> what)) return found;
  FileMark mark;
  // What cannot be read is the mark of no file.
  if (what != "lock" || !(words >> mark.inode >> mark.born)) mark = {};
  found.mark = mark;
  return found;
}

Result<std::shared_ptr<DataDirectory>> DataDirectory::Open(const std::string& path, OfCopy of_copy) {
  std::shared_ptr<DataDirectory> directory(new DataDirectory(path));
  Result<DataLock> lock = DataLock::Take(path);
  if (!lock.ok()) return lock.error();
  directory->lock_ = std::move(lock.value());
  if (Result<Void> known = directory->Identify(of_copy); !known.ok()) return known.error();
  directory->Pin(path + "/lock");
  return directory;
}

Result<Void> DataDirectory::Identify(OfCopy of_copy) {
  const std::string path = path_ + "/id";
  const Result<FileMark> mark = MarkOf(lock_.fd(), path_ + "/lock");
  if (!mark.ok()) return mark.error();
  const Result<std::optional<std::string>> text = ReadSmallFile(path);
  if (!text.ok()) return text.error();
  const std::optional<DirectoryId> found = text.value() ? DirectoryId::Parse(*text.value()) : std::nullopt;
  if (found) {
    was_copied_ = found->mark && !found->mark->Matches(mark.value());
  } else {
    was_copied_ = IsThere(path_ + "/journal.db");  // it came without its id
  }
  copied_ = was_copied_ && of_copy == OfCopy::kPark;
  id_ = found && !was_copied_ ? found->id : NewUuid();
  if (copied_ || (found && found->mark == mark.value())) return Void{};
  return ReplaceFile(path_, "id", DirectoryId{.id = id_, .mark = mark.value()}.Text());
}

void DataDirectory::Pin(const std::string& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return;
  pinned_.push_back({.path = file, .device = found.st_dev, .inode = found.st_ino});
}

std::optional<Error> DataDirectory::Refusal() const {
  if (copied_) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "DATA_DIR_COPIED",
                 .message = "data directory " + path_ +
                            " is a copy, and its original may be in use: nothing of it is started, killed or "
                            "written. When the original is gone for good, start once with --adopt"};
  }
  for (const Pinned& file : pinned_) {
    struct stat now {};
    if (::stat(file.path.c_str(), &now) == 0) {
      if (now.st_dev == file.device && now.st_ino == file.inode) continue;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      continue;  // it cannot be looked at, which says nothing
    }
    return Error{.code = ErrorCode::kUnavailable,
                 .reason = "DATA_DIR_GONE",
                 .message = "data directory " + path_ +
                            " was removed or replaced while the daemon runs: " + file.path +
                            " is not the file that it opened. Nothing is written until it is there again"};
  }
  return std::nullopt;
}

}  // namespace covey
