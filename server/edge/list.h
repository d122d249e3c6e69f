#pragma once

#include "core/base/check.h"

namespace covey::edge {

// A hook by which an object stands in at most one List. Objects that are linked must not be destroyed.
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;

  bool linked() const { return next_ != nullptr; }
  void Unlink() {
    prev_->next_ = next_;
    next_->prev_ = prev_;
    prev_ = next_ = nullptr;
  }

 private:
  template <class T>
  friend class List;
  ListHook* prev_ = nullptr;
  ListHook* next_ = nullptr;
};

// A doubly linked list through the objects themselves: no allocation, removal in constant time. T derives
// from ListHook. Belongs to one thread.
template <class T>
class List {
 public:
  List() { head_.prev_ = head_.next_ = &head_; }
  ~List() { COVEY_CHECK(empty()); }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  bool empty() const { return head_.next_ == &head_; }
  void PushBack(T& item) {
    ListHook& hook = item;
    COVEY_CHECK(!hook.linked());
    hook.prev_ = head_.prev_;
    hook.next_ = &head_;
    head_.prev_->next_ = &hook;
    head_.prev_ = &hook;
  }
  // nullptr when there is none.
  T* Front() const { return Object(head_.next_); }
  T* Next(const T& item) const { return Object(static_cast<const ListHook&>(item).next_); }
  T* PopFront() {
    T* item = Front();
    if (item != nullptr) item->ListHook::Unlink();
    return item;
  }

 private:
  T* Object(ListHook* hook) const { return hook == &head_ ? nullptr : static_cast<T*>(hook); }

  ListHook head_;
};

}  // namespace covey::edge
