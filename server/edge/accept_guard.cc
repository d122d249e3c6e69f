#include "server/edge/accept_guard.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <limits>
#include <set>
#include <string>
#include <system_error>
#include <thread>
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

enum class Drop : uint8_t {
  kOne,     // a waiting connection was taken and closed
  kNone,    // none waits
  kCannot,  // there is no reserve, or it does not help
};

// Takes one waiting connection with the reserve and closes it.
Drop DropOne(int listener) {
  const MutexLock lock(reserve_mutex);
  OpenReserve();
  if (reserve < 0) return Drop::kCannot;
  close(reserve);
  reserve = -1;
  const int connection = PlainAccept(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  const int error = errno;
  if (connection >= 0) close(connection);
  OpenReserve();
  if (connection >= 0) return Drop::kOne;
  return error == EAGAIN || error == EWOULDBLOCK ? Drop::kNone : Drop::kCannot;
}

// Drops what waits at listeners and could not be taken. gRPC looks at a listener again only when the next
// connection comes (epoll tells it of edges), so they would wait for that, however long. Its thread is there from
// the first need on, and never ends.
class Sweeper {
 public:
  static Sweeper& Instance() {
    static auto* const sweeper = new Sweeper;  // not destroyed: its thread goes on
    return *sweeper;
  }
  void Add(int listener) COVEY_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    listeners_.insert(listener);
    added_.NotifyOne();
    if (running_) return;
    try {
      std::thread([this] { Loop(); }).detach();
      running_ = true;
    } catch (const std::system_error&) {  // the next one tries again
    }
  }

 private:
  static constexpr std::chrono::milliseconds kFirstPause{50};
  static constexpr std::chrono::milliseconds kLongestPause{1000};

  void Loop() COVEY_EXCLUDES(mutex_) {
    std::chrono::milliseconds pause = kFirstPause;
    MutexLock lock(mutex_);
    for (;;) {
      while (listeners_.empty()) added_.Wait(mutex_);
      const std::set<int> listeners = listeners_;
      lock.Unlock();
      std::this_thread::sleep_for(pause);
      std::set<int> swept;
      for (const int listener : listeners) {
        if (Sweep(listener)) swept.insert(listener);
      }
      lock.Lock();
      for (const int listener : swept) listeners_.erase(listener);
      pause = swept.empty() ? std::min(pause * 2, kLongestPause) : kFirstPause;
    }
  }

  // False: it is to be tried again.
  static bool Sweep(int listener) {
    int listens = 0;
    socklen_t size = sizeof listens;
    // It may have been closed, and its number be of something else.
    if (getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) return true;
    for (;;) {
      const Drop drop = DropOne(listener);
      if (drop != Drop::kOne) return drop == Drop::kNone;
      CountDropped();
    }
  }

  Mutex mutex_;
  CondVar added_;
  bool running_ COVEY_GUARDED_BY(mutex_) = false;
  std::set<int> listeners_ COVEY_GUARDED_BY(mutex_);
};

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
        if (const Drop drop = DropOne(listener); drop == Drop::kOne) {
          CountDropped();
          continue;
        } else if (drop == Drop::kCannot) {
          Sweeper::Instance().Add(listener);
        }
        errno = EAGAIN;
        return -1;
      case ENOBUFS:
      case ENOMEM:
        Sweeper::Instance().Add(listener);
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
