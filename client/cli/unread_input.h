#pragma once

#include "client/cli/console.h"

namespace covey::cli {

// Says, once, that standard input has something that no task is given: people who pipe into a command expect it to be
// read. It looks when it is made and when it goes, since what is piped may come late. Quiet about terminals and
// devices, and about a file that somebody else has begun to read, as in `while read`.
class UnreadInput {
 public:
  // `watch`: false when standard input is read, or nobody is to be told.
  UnreadInput(Console& console, bool watch) : console_(console), watch_(watch) { Look(); }
  UnreadInput(const UnreadInput&) = delete;
  UnreadInput& operator=(const UnreadInput&) = delete;
  ~UnreadInput() { Look(); }

 private:
  void Look();

  Console& console_;
  bool watch_;
};

}  // namespace covey::cli
