#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "server/edge/mailbox.h"
#include "server/edge/scope.h"

namespace covey::edge {

// A flag that any thread raises and one coroutine waits for: the part that Signal and Completion share.
// Raising it again before it was seen is one raise. It outlives both sides: either may be gone when the other
// comes.
//
// Thread safety: Notify from any thread; the rest on the queue's thread.
//
// Invariants:
// 1. In the mailbox at most once at a time (in_mailbox_), and kept alive by itself meanwhile.
// 2. Raised while a coroutine waits => a delivery is ahead that will see the flag.
class Wakeup : private Mail, public std::enable_shared_from_this<Wakeup> {
 public:
  explicit Wakeup(std::shared_ptr<Mailbox> mailbox) : mailbox_(std::move(mailbox)) {}
  virtual ~Wakeup() = default;
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // What the notifying thread wrote before is seen by the coroutine that TryConsume lets pass.
  void Notify();

  // Lowers the flag; true when it was raised.
  bool TryConsume();
  // Registers the one waiter; false, and not registered, when the flag is up.
  bool TryWait(Waiter& waiter);
  // Forgets the waiter.
  void StopWaiting();

 private:
  enum class State : uint8_t { kIdle, kWaiting, kRaised };

  void Deliver() override;

  const std::shared_ptr<Mailbox> mailbox_;
  std::atomic<State> state_ = State::kIdle;
  std::atomic<bool> in_mailbox_ = false;
  std::shared_ptr<Wakeup> self_;  // set by who set in_mailbox_, taken before it is cleared
  Waiter* waiter_ = nullptr;      // of the queue's thread
};

}  // namespace covey::edge
