#include "server/log/output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace covey {
namespace {

// What a pipe that can be written takes without waiting (PIPE_BUF of pipe(7)).
constexpr size_t kPiece = 4096;

}  // namespace

StreamLogOutput::StreamLogOutput(int fd) : fd_(fd) {
  struct stat what {};
  if (fstat(fd, &what) != 0) return;
  is_socket_ = S_ISSOCK(what.st_mode);
  is_file_ = S_ISREG(what.st_mode);
  if (!S_ISFIFO(what.st_mode) && !S_ISCHR(what.st_mode)) return;
  // O_NONBLOCK of the descriptor itself would be that of all programs which have it.
  own_.Reset(open(("/proc/self/fd/" + std::to_string(fd)).c_str(),
                  O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | O_APPEND));
  if (own_ && !own_.LeaveStdio()) own_.Reset();
}

ssize_t StreamLogOutput::SendOnce(const char* bytes, size_t size) const {
  if (is_socket_) return send(fd_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (own_) return write(own_.get(), bytes, size);
  if (is_file_) return write(fd_, bytes, size);
  pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
  if (poll(&room, 1, 0) != 1) {
    errno = EAGAIN;
    return -1;
  }
  return write(fd_, bytes, std::min(size, kPiece));
}

StreamLogOutput::Sent StreamLogOutput::Send(std::string* bytes) {
  size_t sent = 0;
  Sent how = Sent::kAll;
  while (sent < bytes->size()) {
    const ssize_t taken = SendOnce(bytes->data() + sent, bytes->size() - sent);
    if (taken > 0) {
      sent += static_cast<size_t>(taken);
    } else if (taken == 0 || errno != EINTR) {
      how = taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? Sent::kSome : Sent::kFailed;
      break;
    }
  }
  if (sent > 0) torn_ = (*bytes)[sent - 1] != '\n';
  bytes->erase(0, sent);
  return how;
}

bool StreamLogOutput::Drain() {
  if (waiting_.empty()) return true;
  if (Send(&waiting_) == Sent::kFailed) waiting_.clear();
  return waiting_.empty();
}

bool StreamLogOutput::Write(const LogLine& line, bool json) {
  std::string bytes = json ? AsJson(line) : AsText(line);
  if (!Drain()) {
    if (waiting_.size() + bytes.size() > kRoom) return false;
    waiting_ += bytes;
    return true;
  }
  if (torn_) bytes.insert(bytes.begin(), '\n');
  const Sent sent = Send(&bytes);
  if (sent == Sent::kSome) waiting_ = std::move(bytes);
  return sent != Sent::kFailed;
}

std::unique_ptr<JournalLogOutput> JournalLogOutput::Open(const std::string& socket_path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || !fd.LeaveStdio()) return nullptr;
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  if (socket_path.size() >= sizeof name.sun_path) return nullptr;
  socket_path.copy(name.sun_path, socket_path.size());
  // To see that somebody is there. It is asked for by name each time, since the journal may be restarted.
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) return nullptr;
  const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
  if (connect(fd.get(), &nobody, sizeof nobody) != 0) return nullptr;
  return std::unique_ptr<JournalLogOutput>(new JournalLogOutput(std::move(fd), socket_path));
}

bool JournalLogOutput::Write(const LogLine& line, bool) {
  const std::string bytes = AsJournal(line);
  sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
  path_.copy(name.sun_path, sizeof name.sun_path - 1);
  for (;;) {
    const ssize_t sent = sendto(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&name), sizeof name);
    if (sent >= 0) return true;
    if (errno != EINTR) return false;
  }
}

bool JournalLogOutput::IsJournal(int fd, const char* journal_stream) {
  if (journal_stream == nullptr) return false;
  char* end = nullptr;
  const uint64_t device = std::strtoull(journal_stream, &end, 10);
  if (end == journal_stream || *end != ':') return false;
  const char* const second = end + 1;
  const uint64_t inode = std::strtoull(second, &end, 10);
  if (end == second || *end != '\0') return false;
  struct stat what {};
  return fstat(fd, &what) == 0 && what.st_dev == device && what.st_ino == inode;
}

StandardLogOutput::StandardLogOutput(int fd, const char* journal_stream, const std::string& journal_socket)
    : stream_(fd) {
  if (JournalLogOutput::IsJournal(fd, journal_stream)) journal_ = JournalLogOutput::Open(journal_socket);
}

bool StandardLogOutput::Write(const LogLine& line, bool json) {
  return json || journal_ == nullptr ? stream_.Write(line, json) : journal_->Write(line, json);
}

}  // namespace covey
