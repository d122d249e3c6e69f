// Descriptors run out, and come back: the listener is still there.

#include "server/edge/accept_guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/server/edge/edge_testing.h"

namespace covey::edge {
namespace {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

sockaddr_un Address(const EchoServer& server) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = server.unix_address().substr(5);
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

// Whether the server hangs up on `connection`.
bool HungUp(int connection) {
  pollfd waiting{connection, POLLIN, 0};
  const auto end = std::chrono::steady_clock::now() + kBound;
  while (std::chrono::steady_clock::now() < end) {
    if (poll(&waiting, 1, 100) <= 0) continue;
    char byte = 0;
    const ssize_t got = recv(connection, &byte, 1, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return true;
    // A server says hello before it hangs up, when it took the connection.
  }
  return false;
}

bool Answers(const EchoServer& server) {
  const auto stub = server.Connect();
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() + kBound);
  EchoResponse response;
  return stub->Echo(&context, {}, &response).ok();
}

// Lowers the limit of open files for its life.
class FileLimit {
 public:
  explicit FileLimit(rlim_t limit) {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit lower = before_;
    lower.rlim_cur = limit;
    setrlimit(RLIMIT_NOFILE, &lower);
  }
  ~FileLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(AcceptGuard, TheListenerOutlivesTheLackOfDescriptors) {
  const FileLimit limit(512);
  ServerOptions options;
  options.reserved_files = 0;
  std::atomic<int> told = 0;
  options.log = [&](std::string_view line) {
    told += line.find("too few file descriptors") != std::string_view::npos;
  };
  EchoServer server({}, options);
  ASSERT_TRUE(Answers(server));
  const sockaddr_un address = Address(server);
  const uint64_t before = DroppedConnections();
  std::vector<File> sockets;
  for (int i = 0; i < 10; ++i) sockets.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  {
    std::vector<File> all;
    for (;;) {
      const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (fd < 0) break;
      all.emplace_back(fd);
    }
    ASSERT_EQ(errno, EMFILE);
    for (const File& socket : sockets) {
      ASSERT_EQ(connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
      EXPECT_TRUE(HungUp(socket.fd()));
    }
    EXPECT_TRUE(Eventually([&] { return DroppedConnections() - before == 10; }));  // counted after the close
    EXPECT_TRUE(Eventually([&] { return told == 1; })) << "of many once, not each of them";
  }
  sockets.clear();
  EXPECT_TRUE(Answers(server));
}

TEST(AcceptGuard, ConnectionsLeaveDescriptorsToTheRest) {
  const FileLimit limit(512);
  ServerOptions options;
  options.reserved_files = 200;
  EchoServer server({}, options);
  ASSERT_TRUE(Answers(server));
  const sockaddr_un address = Address(server);
  const uint64_t before = DroppedConnections();
  // Client and server of each connection are in this process: descriptors come in pairs.
  std::vector<File> sockets;
  while (DroppedConnections() == before) {
    sockets.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_GE(sockets.back().fd(), 0);
    ASSERT_EQ(connect(sockets.back().fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    // Wait until the server has taken it, so that numbers grow in step: it speaks first.
    pollfd waiting{sockets.back().fd(), POLLIN, 0};
    ASSERT_EQ(poll(&waiting, 1, 30'000), 1);
  }
  EXPECT_GT(sockets.back().fd(), 250);
  EXPECT_LT(sockets.back().fd(), 330);
  EXPECT_TRUE(HungUp(sockets.back().fd()));
  sockets.clear();
  EXPECT_TRUE(Answers(server));
}

}  // namespace
}  // namespace covey::edge
