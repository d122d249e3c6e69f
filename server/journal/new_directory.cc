#include "server/journal/new_directory.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "server/journal/data_lock.h"

namespace covey {

namespace fs = std::filesystem;

NewDirectory::NewDirectory(std::string name, std::string path)
    : name_(std::move(name)), path_(std::move(path)) {}

NewDirectory::NewDirectory(NewDirectory&& other) noexcept
    : name_(std::move(other.name_)), path_(std::exchange(other.path_, {})) {}

NewDirectory::~NewDirectory() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<NewDirectory> NewDirectory::Make(const std::string& name) {
  std::string wanted = name;
  while (wanted.size() > 1 && wanted.back() == '/') wanted.pop_back();
  std::error_code failed;
  const fs::file_status found = fs::symlink_status(wanted, failed);
  if (fs::exists(found) && !(fs::is_directory(found) && fs::is_empty(wanted, failed) && !failed)) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "DATA_DIR_IN_USE",
                 .message = wanted + " is there: a directory is made that is not there yet, or empty"};
  }
  std::string path = wanted + ".XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) return DataDirectoryError(path, "make the directory");
  NewDirectory made(wanted, path);
  if (::chmod(path.c_str(), 0700) != 0) return DataDirectoryError(path, "set the mode of the directory");
  return made;
}

Result<Void> NewDirectory::Keep() {
  if (Result<Void> synced = SyncDirectory(path_); !synced.ok()) return synced;
  if (::rename(path_.c_str(), name_.c_str()) != 0) return DataDirectoryError(name_, "make the directory");
  path_.clear();
  const std::string parent = fs::path(name_).parent_path().string();
  return SyncDirectory(parent.empty() ? "." : parent);
}

}  // namespace covey
