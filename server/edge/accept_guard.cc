#include "server/edge/accept_guard.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include "core/base/mutex.h"

namespace covey::edge {
namespace {

std::atomic<bool> guarding = false;
std::atomic<int> descriptor_bound = std::numeric_limits<int>::max();
std::atomic<uint64_t> dropped = 0;
std::atomic<int64_t> told_at = 0;  // seconds of the steady clock; 0: never

constexpr int64_t kTellEvery = 60;  // seconds
constexpr int kMostRefused = 100;

Mutex reserve_mutex;
int reserve COVEY_GUARDED_BY(reserve_mutex) = -1;  // a descriptor to give up when there is no other

Mutex log_mutex;
LogFunction log_function COVEY_GUARDED_BY(log_mutex);

int PlainAccept(int listener, sockaddr* address, socklen_t* length, int flags) {
  return static_cast<int>(syscall(SYS_accept4, listener, address, length, flags));
}

void CountDropped() {
  const uint64_t count = dropped.fetch_add(1, std::memory_order_relaxed) + 1;
  const int64_t now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count() +
      1;
  int64_t last = told_at.load();
  if (last != 0 && now - last < kTellEvery) return;
  if (!told_at.compare_exchange_strong(last, now)) return;
  const MutexLock lock(log_mutex);
  if (!log_function) return;
  log_function("connections are closed at once, " + std::to_string(count) +
               " so far: too few file descriptors are left; raise the limit of open files");
}

void OpenReserve() COVEY_REQUIRES(reserve_mutex) {
  if (reserve < 0) reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

// Takes one waiting connection with the reserve and closes it. False when there is none, or no reserve.
bool DropOne(int listener) {
  const MutexLock lock(reserve_mutex);
  OpenReserve();
  if (reserve < 0) return false;
  close(reserve);
  reserve = -1;
  const int connection = PlainAccept(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (connection >= 0) close(connection);
  OpenReserve();
  return connection >= 0;
}

int GuardedAccept(int listener, sockaddr* address, socklen_t* length, int flags) {
  const socklen_t room = length == nullptr ? 0 : *length;
  for (int refused = 0;;) {
    if (length != nullptr) *length = room;
    const int connection = PlainAccept(listener, address, length, flags);
    if (connection >= 0) {
      if (connection < descriptor_bound.load(std::memory_order_relaxed)) return connection;
      close(connection);
      CountDropped();
      continue;
    }
    switch (errno) {
      case EMFILE:
      case ENFILE:
        if (DropOne(listener)) {
          CountDropped();
          continue;
        }
        errno = EAGAIN;
        return -1;
      case ENOBUFS:
      case ENOMEM:
        errno = EAGAIN;
        return -1;
      // accept(2): errors of the connection that was to be accepted, "treat them like EAGAIN by retrying".
      case ECONNABORTED:
      case EPROTO:
      case ENOPROTOOPT:
      case EHOSTDOWN:
      case ENONET:
      case EHOSTUNREACH:
      case ENETDOWN:
      case ENETUNREACH:
        continue;
      // A firewall that refuses the one connection; or a policy that refuses every accept and takes none: then
      // asking for ever would spin.
      case EPERM:
        if (++refused < kMostRefused) continue;
        errno = EAGAIN;
        return -1;
      default:
        return -1;
    }
  }
}

}  // namespace

void GuardAccept(int bound, LogFunction log) {
  {
    const MutexLock lock(reserve_mutex);
    OpenReserve();
  }
  {
    const MutexLock lock(log_mutex);
    log_function = std::move(log);
  }
  told_at = 0;
  descriptor_bound = bound;
  guarding = true;
}

uint64_t DroppedConnections() { return dropped.load(std::memory_order_relaxed); }

}  // namespace covey::edge

// Found before libc's by every library of the process, since the program itself comes first.
extern "C" __attribute__((visibility("default"))) int accept4(int listener, sockaddr* address,
                                                              socklen_t* length, int flags) {
  if (covey::edge::guarding.load(std::memory_order_relaxed))
    return covey::edge::GuardedAccept(listener, address, length, flags);
  return covey::edge::PlainAccept(listener, address, length, flags);
}
