#include "server/edge/mailbox.h"

namespace covey::edge {
namespace {

// The value of head_ that means "closed": no mail has this address.
Mail* Closed() {
  static char place;
  return reinterpret_cast<Mail*>(&place);
}

}  // namespace

bool Mailbox::PostMail(Mail& mail) {
  Mail* head = head_.load(std::memory_order_relaxed);
  do {
    if (head == Closed()) return false;
    mail.next = head;
  } while (!head_.compare_exchange_weak(head, &mail, std::memory_order_acq_rel, std::memory_order_relaxed));
  if (head == nullptr) bell_->Ring(*this);
  return true;
}

void Mailbox::OnEvent(bool) {
  if (head_.load(std::memory_order_relaxed) == Closed()) {  // by this thread: its mail has been delivered
    rung_ = false;
    return;
  }
  // Emptying it is the disarming: from here on the next post rings again.
  DeliverAll(head_.exchange(nullptr, std::memory_order_acq_rel));
}

void Mailbox::DeliverAll(Mail* newest_first) {
  Mail* mail = nullptr;
  while (newest_first != nullptr) {
    Mail* const next = newest_first->next;
    newest_first->next = mail;
    mail = newest_first;
    newest_first = next;
  }
  while (mail != nullptr) {
    Mail* const next = mail->next;
    mail->Deliver();  // may destroy it
    mail = next;
  }
}

bool Mailbox::Close() {
  if (head_.load(std::memory_order_relaxed) != Closed()) {
    Mail* const rest = head_.exchange(Closed(), std::memory_order_acq_rel);
    rung_ = rest != nullptr;
    DeliverAll(rest);
  }
  return !rung_;
}

}  // namespace covey::edge
