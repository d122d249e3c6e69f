#include "core/text/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

namespace covey {
namespace {

// True when `fd` was closed. Those below it are open, so the next one opened is it.
bool Reserve(int fd, int flags) {
  if (fcntl(fd, F_GETFD) >= 0) return false;
  (void)!open("/dev/null", flags | O_CLOEXEC);
  return true;
}

}  // namespace

std::string_view ReserveStandardDescriptors() {
  (void)Reserve(STDIN_FILENO, O_WRONLY);  // the few commands that read it say so
  const bool no_output = Reserve(STDOUT_FILENO, O_RDONLY);
  const bool no_error = Reserve(STDERR_FILENO, O_RDONLY);
  if (no_output) return "standard output";
  return no_error ? "standard error" : "";
}

}  // namespace covey
