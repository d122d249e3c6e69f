#pragma once

#include <signal.h>
#include <termios.h>

#include <chrono>

#include "client/cli/console.h"

namespace covey::cli {

// Standard output as a screen that is drawn again and again, and the keys pressed meanwhile. As long as it
// lives the terminal shows another screen, without a cursor, and echoes no keys; afterwards it is as it was
// before.
//
// Made before any other thread of the program, since it blocks signals for this thread and those that it
// starts. Used by one thread.
class LiveScreen {
 public:
  enum class Event {
    kTime,    // the time has passed
    kResize,  // the terminal has another size
    kQuit,    // q was pressed
    kSignal,  // Ctrl-C, or a signal that ends programs
    kNews,    // there is something to read
  };

  explicit LiveScreen(Console& console);
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;
  ~LiveScreen();

  // Takes over the terminal with the first call. `text`: lines, at most as many as the screen has.
  void Draw(std::string_view text);
  // Waits for what happens first, `news_fd` being readable among it. Other keys are dropped.
  Event Wait(std::chrono::milliseconds time, int news_fd);
  // Of kSignal: its number.
  int signal() const { return signal_; }

 private:
  bool ReadKeys(Event* event);

  Console& console_;
  sigset_t signals_{};
  int signal_fd_ = -1;
  int signal_ = 0;
  bool drawn_ = false;
  bool keys_ = false;  // standard input is a terminal whose settings were changed
  termios before_{};
};

}  // namespace covey::cli
