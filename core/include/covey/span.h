#pragma once

#include <chrono>
#include <type_traits>

namespace covey {

// A length of time, of any unit. One that nanoseconds cannot hold, such as the largest number of seconds, which people
// write for "for ever", is as long as they can.
class Span {
 public:
  // Any duration is one, and it is one of nanoseconds: neither has to be said.
  // NOLINTBEGIN(google-explicit-constructor)
  template <typename Rep, typename Period>
  constexpr Span(std::chrono::duration<Rep, Period> length) : length_(Within(length)) {}
  constexpr operator std::chrono::nanoseconds() const { return length_; }
  // NOLINTEND(google-explicit-constructor)

  // In nanoseconds.
  constexpr std::chrono::nanoseconds count() const { return length_; }

 private:
  template <typename Rep, typename Period>
  static constexpr std::chrono::nanoseconds Within(std::chrono::duration<Rep, Period> length) {
    using std::chrono::duration_cast;
    using std::chrono::nanoseconds;
    using Length = std::chrono::duration<Rep, Period>;
    if constexpr (std::is_same_v<Length, nanoseconds>) {
      return length;
    } else {
      using Seconds = std::chrono::duration<long double>;
      if (Seconds(length) >= Seconds(nanoseconds::max())) return nanoseconds::max();
      if (Seconds(length) <= Seconds(nanoseconds::min())) return nanoseconds::min();
      return duration_cast<nanoseconds>(length);
    }
  }

  std::chrono::nanoseconds length_;
};

}  // namespace covey
