#pragma once

namespace covey::edge {

// What a completion queue gives back when an operation is over.
class Tag {
 public:
  virtual void OnEvent(bool ok) = 0;

 protected:
  Tag() = default;
  ~Tag() = default;
};

// A tag that calls a member function; one for each kind of operation of an object.
template <class Owner, void (Owner::*kMethod)(bool ok)>
class MemberTag final : public Tag {
 public:
  explicit MemberTag(Owner& owner) : owner_(owner) {}
  void OnEvent(bool ok) override { (owner_.*kMethod)(ok); }

 private:
  Owner& owner_;
};

}  // namespace covey::edge
