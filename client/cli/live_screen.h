#pragma once

#include <signal.h>
#include <termios.h>

#include <chrono>
#include <string>
#include <string_view>

#include "client/cli/console.h"

namespace covey::cli {

// Standard output as a screen that is drawn again and again, and the keys pressed meanwhile. As long as it
// lives the terminal shows another screen, without a cursor, and echoes no keys; afterwards, and while the program
// is stopped (Ctrl-Z, SIGTSTP), it is as it was before.
//
// Made before any other thread of the program, since it blocks signals for this thread and those that it
// starts. Used by one thread.
class LiveScreen {
 public:
  enum class Event {
    kTime,    // the time has passed
    kResize,  // the terminal has another size, or was another program's for a while
    kKey,     // a key was pressed
    kSignal,  // Ctrl-C, or a signal that ends programs
    kNews,    // there is something to read
  };
  // Keys that are no characters.
  enum Key : int {
    kEscape = 0x1b,
    kEnter = '\r',
    kBackspace = 0x7f,
    kUp = 0x100,
    kDown,
    kLeft,
    kRight,
    kPageUp,
    kPageDown,
    kHome,
    kEnd,
    kOther,
  };

  explicit LiveScreen(Console& console);
  LiveScreen(const LiveScreen&) = delete;
  LiveScreen& operator=(const LiveScreen&) = delete;
  ~LiveScreen();

  // Takes over the terminal with the first call. `text`: lines, at most as many as the screen has.
  void Draw(std::string_view text);
  // Waits for what happens first, `news_fd` and `other_fd` being readable among it (-1: none). Ctrl-C comes before
  // the keys that were pressed before it.
  Event Wait(std::chrono::milliseconds time, int news_fd, int other_fd = -1);
  // Of kSignal: its number.
  int signal() const { return signal_; }
  // Of kKey: a byte of UTF-8, or a Key.
  int key() const { return key_; }

 private:
  void Enter();
  void Leave();
  // Stops the program, as the terminal's user asked, until it goes on.
  void Stop();
  // What is there to be read. True: that is what happened.
  bool ReadKeys(Event* event);
  bool TakeSignal(Event* event);
  // The first key of those that were typed.
  int TakeKey();

  Console& console_;
  sigset_t signals_{};
  int signal_fd_ = -1;
  int signal_ = 0;
  int key_ = 0;
  std::string typed_;  // keys that were read and not told yet
  bool drawn_ = false;
  bool keys_ = false;  // standard input is a terminal whose settings were changed
  termios before_{};
};

}  // namespace covey::cli
