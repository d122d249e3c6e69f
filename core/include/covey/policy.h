#pragma once

#include <cstdint>

namespace covey {

// What decides the outcome of a group. The numbers are stored in journals: never renumber.
enum class Policy : uint8_t {
  kAll = 1,         // the first failure fails it, and stops the rest
  kAllSettled = 2,  // every task ends; then it has failed if any has
  kAny = 3,         // the first success is the group's, and stops the rest
};

}  // namespace covey
