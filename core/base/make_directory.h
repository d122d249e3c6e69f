#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <string>

namespace covey {

// mkdirat, but with exactly the permissions `mode`, whatever the umask of the process. False: errno says why,
// and nothing was made. What exists is left as it is, with EEXIST.
bool MakeDirectoryAt(int at, const char* path, mode_t mode);
inline bool MakeDirectory(const std::string& path, mode_t mode) {
  return MakeDirectoryAt(AT_FDCWD, path.c_str(), mode);
}

// The directory and its missing parents, each with `mode`. True when it is there at the end.
bool MakeDirectories(const std::string& path, mode_t mode);

}  // namespace covey
