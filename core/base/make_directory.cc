#include "core/base/make_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace covey {

bool MakeDirectoryAt(int at, const char* path, mode_t mode) {
  if (::mkdirat(at, path, mode) != 0) return false;
  struct stat made {};
  if (::fstatat(at, path, &made, AT_SYMLINK_NOFOLLOW) == 0) {
    // A set-group-ID bit comes from the directory above.
    if ((made.st_mode & 0777) == mode || ::fchmodat(at, path, (made.st_mode & S_ISGID) | mode, 0) == 0) {
      return true;
    }
  }
  const int error = errno;
  ::unlinkat(at, path, AT_REMOVEDIR);
  errno = error;
  return false;
}

bool MakeDirectories(const std::string& path, mode_t mode) {
  if (path.empty() || MakeDirectory(path, mode)) return true;
  if (errno == EEXIST) return true;
  if (errno != ENOENT) return false;
  const size_t slash = path.find_last_of('/', path.find_last_not_of('/'));
  if (slash == std::string::npos || slash == 0 || !MakeDirectories(path.substr(0, slash), mode)) return false;
  return MakeDirectory(path, mode) || errno == EEXIST;
}

}  // namespace covey
