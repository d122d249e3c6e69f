// Descriptors run out, and come back: the listener is still there.

#include "server/edge/accept_guard.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <thread>

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

// Descriptors of /dev/null, as the reserve is one.
size_t NullFiles() {
  size_t files = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    struct stat found {};
    files += fstat(fd, &found) == 0 && found.st_rdev == makedev(1, 3) ? 1 : 0;
  }
  return files;
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

// Where even the reserve does not help: its number is beyond what is allowed.
TEST(AcceptGuard, WhatWaitsWithoutAReserveIsDroppedAsSoonAsThereIsADescriptor) {
  EchoServer server({}, {});
  ASSERT_TRUE(Answers(server));
  const sockaddr_un address = Address(server);
  const uint64_t before = DroppedConnections();
  std::vector<File> sockets;
  for (int i = 0; i < 10; ++i) sockets.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const size_t null_files = NullFiles();
  {
    const FileLimit limit(3);
    for (const File& socket : sockets) {
      ASSERT_EQ(connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    }
    // The server has looked at them when it has lost its reserve.
    ASSERT_TRUE(Eventually([&] { return NullFiles() == null_files - 1; }));
    EXPECT_EQ(DroppedConnections(), before);
  }
  // No other connection comes to wake it.
  for (const File& socket : sockets) EXPECT_TRUE(HungUp(socket.fd()));
  EXPECT_TRUE(Eventually([&] { return DroppedConnections() == before + 10; }));
  EXPECT_TRUE(Eventually([&] { return NullFiles() == null_files; })) << "there is one reserve again";
  EXPECT_TRUE(Answers(server));
}

// As a container's filter may be: nothing is taken, and the answer is always the same.
void RefuseToAccept() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_accept4, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = 4, .filter = program};
  ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0) << strerror(errno);
}

TEST(AcceptGuard, APolicyThatRefusesEveryConnectionIsNotAskedForEver) {
  GuardAccept(1'000);
  int result = 0;
  int error = 0;
  std::thread([&] {  // the filter ends with the thread
    RefuseToAccept();
    result = accept4(0, nullptr, nullptr, 0);
    error = errno;
  })
      .join();
  EXPECT_EQ(result, -1);
  EXPECT_EQ(error, EAGAIN);
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
