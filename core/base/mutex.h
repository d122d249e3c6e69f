#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// Annotations of clang's thread-safety analysis
// (https://clang.llvm.org/docs/ThreadSafetyAnalysis.html); empty for other compilers.
#if defined(__clang__)
#define COVEY_TSA(x) __attribute__((x))
#else
#define COVEY_TSA(x)
#endif
#define COVEY_CAPABILITY(x) COVEY_TSA(capability(x))
#define COVEY_SCOPED_CAPABILITY COVEY_TSA(scoped_lockable)
#define COVEY_GUARDED_BY(x) COVEY_TSA(guarded_by(x))
#define COVEY_PT_GUARDED_BY(x) COVEY_TSA(pt_guarded_by(x))
#define COVEY_REQUIRES(...) COVEY_TSA(requires_capability(__VA_ARGS__))
#define COVEY_EXCLUDES(...) COVEY_TSA(locks_excluded(__VA_ARGS__))
#define COVEY_ACQUIRE(...) COVEY_TSA(acquire_capability(__VA_ARGS__))
#define COVEY_RELEASE(...) COVEY_TSA(release_capability(__VA_ARGS__))
#define COVEY_ACQUIRED_BEFORE(...) COVEY_TSA(acquired_before(__VA_ARGS__))
#define COVEY_RETURN_CAPABILITY(x) COVEY_TSA(lock_returned(x))
#define COVEY_NO_TSA COVEY_TSA(no_thread_safety_analysis)

namespace covey {

// std::mutex with annotations. Not absl::Mutex: distributions ship that one uninstrumented, and
// ThreadSanitizer then reports races that are none.
class COVEY_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() COVEY_ACQUIRE() { mutex_.lock(); }
  void Unlock() COVEY_RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a Mutex for a scope; Unlock and Lock may open a gap in it.
class COVEY_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) COVEY_ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() COVEY_RELEASE() {
    if (held_) mutex_.Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() COVEY_RELEASE() {
    held_ = false;
    mutex_.Unlock();
  }
  void Lock() COVEY_ACQUIRE() {
    mutex_.Lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

// A condition variable for Mutex. Every wait may wake without cause: wait in a loop.
class CondVar {
 public:
  void Wait(Mutex& mutex) COVEY_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    cv_.wait(lock);
    lock.release();
  }
  // False when `deadline` has passed.
  bool WaitUntil(Mutex& mutex, std::chrono::steady_clock::time_point deadline) COVEY_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool in_time = cv_.wait_until(lock, deadline) == std::cv_status::no_timeout;
    lock.release();
    return in_time;
  }
  void NotifyOne() { cv_.notify_one(); }
  void NotifyAll() { cv_.notify_all(); }

 private:
  std::condition_variable cv_;
};

}  // namespace covey
