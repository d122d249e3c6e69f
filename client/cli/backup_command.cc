#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "client/cli/command.h"
#include "client/cli/text.h"
#include "core/base/unique_fd.h"

namespace covey::cli {
namespace {

Error FileError(const std::string& path, const std::string& what) {
  return {.code = ErrorCode::kFailedPrecondition,
          .reason = "OUTPUT",
          .message = path + ": " + what + ": " + std::strerror(errno)};
}

bool WriteWhole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

// Removes the file that was made here, unless another one has its name by now.
void RemoveOwn(int fd, const std::string& path) {
  struct stat own {};
  struct stat found {};
  if (::fstat(fd, &own) != 0 || ::lstat(path.c_str(), &found) != 0) return;
  if (own.st_dev == found.st_dev && own.st_ino == found.st_ino) ::unlink(path.c_str());
}

// What was written is the backup, durable; the number of its bytes.
Result<uint64_t> Receive(client::Client& client, int fd, const std::string& path) {
  uint64_t size = 0;
  const std::unique_ptr<client::BackupReader> stream = client.Backup();
  for (v1::BackupResponse message; stream->Next(&message);) {
    if (!WriteWhole(fd, message.data())) {
      Error error = FileError(path, "cannot be written");
      stream->Cancel();
      return error;
    }
    size += message.data().size();
  }
  if (const Result<Void> whole = stream->Finish(); !whole.ok()) return whole.error();
  if (::fsync(fd) != 0) return FileError(path, "cannot be synced");
  return size;
}

int DoBackup(Session& session, const Arguments& arguments) {
  const std::string path(arguments.words()[0]);
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd || ::fchmod(fd.get(), 0600) != 0) return session.Fail(FileError(path, "cannot be made"));
  const Result<uint64_t> size = Receive(client.value(), fd.get(), path);
  if (!size.ok()) {
    RemoveOwn(fd.get(), path);
    return session.Fail(size.error());
  }
  if (!session.json()) session.Print(Printable(path) + ": " + std::to_string(size.value()) + " bytes\n");
  return session.ExitWith(0);
}

}  // namespace

Command BackupCommand() {
  return {
      .name = "backup",
      .synopsis = "FILE",
      .summary = "writes a backup of what the daemon keeps",
      .details =
          "Writes the journal and what tasks wrote to a new file, readable by its owner alone, while the\n"
          "daemon goes on. It holds environments and inputs of tasks. `coveyd --restore FILE --data-dir "
          "DIR`\n"
          "makes a data directory of it; a daemon on that starts parked until it is told, with --adopt, "
          "that\n"
          "the original is gone. A backup that fails leaves no file.",
      .examples = "covey backup /backup/covey-$(date +%F).tar",
      .exits =
          "0   the file holds the whole backup\n"
          "1   the file is there already or cannot be written, or the daemon keeps nothing\n"
          "64  bad usage\n"
          "69  the daemon is out of reach or was lost",
      .words = {.least = 1, .most = 1, .what = "the file to be made"},
      .run = DoBackup,
  };
}

}  // namespace covey::cli
