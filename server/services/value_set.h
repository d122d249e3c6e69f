#pragma once

#include <bitset>

namespace covey {

// The values of an enum of the contract that a request's filter lists; none listed means all.
class ValueSet {
 public:
  // `values` is a repeated enum field. Values outside the contract are not in any set.
  template <class Values>
  explicit ValueSet(const Values& values) : all_(values.empty()) {
    for (const int value : values) {
      if (value >= 0 && value < kBound) bits_.set(static_cast<size_t>(value));
    }
  }
  bool Contains(int value) const {
    return all_ || (value >= 0 && value < kBound && bits_.test(static_cast<size_t>(value)));
  }

 private:
  static constexpr int kBound = 64;  // above every number in the contract

  const bool all_;
  std::bitset<kBound> bits_;
};

}  // namespace covey
