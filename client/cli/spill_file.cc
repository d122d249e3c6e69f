#include "client/cli/spill_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "client/cli/text.h"

namespace covey::cli {
namespace {

// A file without a name, also where the file system knows no O_TMPFILE.
int OpenNameless(const std::string& folder) {
  const int fd = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  std::string path = folder + "/covey-XXXXXX";
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) unlink(path.c_str());
  return named;
}

}  // namespace

SpillFile::~SpillFile() {
  if (fd_ >= 0) close(fd_);
}

Result<SpillFile::Place> SpillFile::Put(std::string_view bytes) {
  if (fd_ < 0) {
    const char* const folder = std::getenv("TMPDIR");
    folder_ = folder != nullptr && *folder != '\0' ? folder : "/tmp";
    fd_ = OpenNameless(folder_);
    if (fd_ < 0) return Failed("make");
  }
  const Place place{.offset = size_, .size = bytes.size()};
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write");
    size_ += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return place;
}

Result<std::string> SpillFile::Get(const Place& place) const {
  std::string bytes(place.size, '\0');
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t got =
        pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(place.offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO;  // somebody has cut it
    if (got <= 0) return Failed("read");
    done += static_cast<size_t>(got);
  }
  return bytes;
}

void SpillFile::Clear() {
  if (size_ == 0) return;
  (void)!ftruncate(fd_, 0);  // else it is written over
  size_ = 0;
}

Error SpillFile::Failed(std::string_view what) const {
  return {.code = ErrorCode::kInternal,
          .reason = "OUTPUT",
          .message = "cannot " + std::string(what) + " a file in " + Printable(folder_) +
                     " for output that waits for its turn: " + std::strerror(errno),
          .fields = {}};
}

}  // namespace covey::cli
