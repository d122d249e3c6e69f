#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/base/histogram.h"
#include "covey/methods.h"

namespace covey {

// How many calls of each RPC have ended with which code of gRPC, how long they took, and how many are open
// now.
//
// Thread safety: all of it; no locks. What is read while calls end is true of each number by itself.
class CallStats {
 public:
  static constexpr size_t kCodes = 17;  // OK .. UNAUTHENTICATED

  // The calls of one RPC that ended with one code.
  struct Ended {
    std::string_view method;
    int code = 0;
    uint64_t calls = 0;
    std::chrono::nanoseconds time{0};  // of all of them
  };
  struct Open {
    std::string_view method;
    uint64_t calls = 0;
  };

  // `method` is a row of methods::kMethods.
  void OnBegin(const methods::Method& method);
  // `code` outside the table counts as UNKNOWN.
  void OnEnd(const methods::Method& method, int code, std::chrono::nanoseconds took);

  // Of one RPC, however its calls ended: how long they took.
  struct Times {
    std::string_view method;
    HistogramView times;
  };

  // A call was refused for this reason, by its number in covey.v1.ErrorReason; 0: of none that is listed.
  void OnRefused(uint32_t reason);
  static constexpr size_t kReasons = 128;  // there is room for
  uint64_t refused(uint32_t reason) const { return refused_[reason].load(std::memory_order_relaxed); }

  // Only rows that are not zero, in the table's order, codes ascending.
  std::vector<Ended> ended() const;
  std::vector<Open> open() const;
  std::vector<Times> times() const;

 private:
  struct Cell {
    std::atomic<uint64_t> calls = 0;
    std::atomic<uint64_t> nanoseconds = 0;
  };
  struct Row {
    std::atomic<uint64_t> open = 0;
    std::array<Cell, kCodes> codes;
    Durations times;
  };
  static constexpr size_t kRows = std::size(methods::kMethods);

  Row& RowOf(const methods::Method& method);

  std::array<Row, kRows> rows_;
  std::array<std::atomic<uint64_t>, kReasons> refused_{};
};

}  // namespace covey
