#include "client/cli/unread_input.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace covey::cli {
namespace {

bool HasInput() {
  struct stat status {};
  if (fstat(STDIN_FILENO, &status) != 0) return false;
  if (S_ISREG(status.st_mode)) return status.st_size > 0 && lseek(STDIN_FILENO, 0, SEEK_CUR) == 0;
  int bytes = 0;
  const bool piped = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
  return piped && ioctl(STDIN_FILENO, FIONREAD, &bytes) == 0 && bytes > 0;
}

}  // namespace

void UnreadInput::Look() {
  if (!watch_ || !HasInput()) return;
  console_.Note(
      "nobody reads standard input: --stdin passes it on, --each runs the program once for each of its "
      "lines");
  watch_ = false;
}

}  // namespace covey::cli
