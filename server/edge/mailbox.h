#pragma once

#include <atomic>
#include <memory>
#include <type_traits>
#include <utility>

#include "server/edge/tag.h"

namespace covey::edge {

// Something to deliver on a queue's thread. In at most one mailbox, once.
class Mail {
 public:
  virtual void Deliver() = 0;

  Mail* next = nullptr;  // the mailbox's

 protected:
  Mail() = default;
  ~Mail() = default;
};

// Brings a queue's thread to a tag.
class Bell {
 public:
  virtual ~Bell() = default;
  // From any thread. Soon the queue's thread runs `tag`; not again before it has.
  virtual void Ring(Tag& tag) = 0;
};

// The way onto a queue's thread from any other thread. Many posts cost one wake-up of the queue.
//
// Thread safety: Post from any thread; the rest on the queue's thread. Shared: whoever may post keeps it
// alive, also after the server has gone; it touches the queue only while it is open.
//
// Invariants:
// 1. Not empty => the bell has rung, or is about to be rung by the one thread whose post found it empty. It
// is
//    never rung twice: a post finds the mailbox empty again only after the bell's tag was taken out and the
//    mail with it.
// 2. A closed one takes no post. The queue is shut down only when no bell is rung or about to be rung any
// more.
//    (Ringing gRPC's after the queue's shutdown would abort the process.)
// 3. Every accepted post is delivered once, in the order of acceptance, on the queue's thread.
//
// There is no lock: the whole state is the head of a linked stack, whose value also says "closed".
class Mailbox final : private Tag {
 public:
  explicit Mailbox(std::unique_ptr<Bell> bell) : bell_(std::move(bell)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Runs `fn()` on the queue's thread, soon. False, with `fn` destroyed unrun, when the mailbox is closed:
  // then every call of that queue has ended and no coroutine is left that could wait for it.
  template <class Fn>
  bool Post(Fn&& fn) {
    auto mail = std::make_unique<FunctionMail<std::decay_t<Fn>>>(std::forward<Fn>(fn));
    if (!PostMail(*mail)) return false;
    mail.release();
    return true;
  }
  // `mail` lives until it is delivered. False: closed, not taken.
  bool PostMail(Mail& mail);

  // Takes no post from here on and delivers what is there: posters that never pause cannot keep it open. True
  // when the queue may be shut down; false when the bell's tag is on the way: ask again behind it.
  bool Close();

 private:
  template <class Fn>
  class FunctionMail final : public Mail {
   public:
    explicit FunctionMail(Fn fn) : fn_(std::move(fn)) {}
    void Deliver() override {
      const std::unique_ptr<FunctionMail> self(this);
      fn_();
    }

   private:
    Fn fn_;
  };

  void OnEvent(bool ok) override;
  static void DeliverAll(Mail* newest_first);

  const std::unique_ptr<Bell> bell_;
  std::atomic<Mail*> head_ = nullptr;
  bool rung_ = false;  // when closed; of the queue's thread
};

}  // namespace covey::edge
