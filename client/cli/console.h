#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/mutex.h"

namespace covey::cli {

// Standard output and standard error, shared by threads without mixing what they write, with a status line at
// the bottom of the terminal. Borrows its file descriptors. All methods are thread-safe except where said.
//
// Invariants:
//   1. While anything is written, no status line is on the screen.
//   2. Once a write to standard output has failed, nothing more is written there.
//   3. A note begins a line of the terminal, and a status line covers nothing that was written.
class Console {
 public:
  Console(int out_fd, int err_fd);
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  // Writes to standard output or standard error. False when that is not possible any more.
  bool Out(std::string_view bytes);
  bool Err(std::string_view bytes);
  // Err("covey: " + text + "\n").
  void Note(std::string_view text);

  // Shows `line` as the status line until something else is written; "" takes it away. Does nothing unless
  // standard error is a terminal that knows escapes, or while what was written last has no line end.
  void SetStatus(std::string_view line);
  // Writes a note past the lock, for a thread that must not wait for a slow reader of the output.
  void UrgentNote(std::string_view text);
  // Leaves the cursor at the beginning of an empty line and shows no status line any more: for a thread that ends the
  // program while others may write. Waits only shortly for them.
  void Leave();

  // errno of the failed write to standard output; 0 while there was none.
  int out_error() const;

  int out_fd() const { return out_fd_; }
  bool out_is_terminal() const { return out_is_terminal_; }
  bool err_is_terminal() const { return err_is_terminal_; }
  // Terminals other than "dumb" ones get colours, unless NO_COLOR or CLICOLOR_FORCE says otherwise.
  bool out_has_colors() const { return out_has_colors_; }
  bool err_has_colors() const { return err_has_colors_; }
  // Columns to fit tables into; 0 when standard output is no terminal.
  size_t out_columns() const;
  // Rows of the terminal; 0 when standard output is none.
  size_t out_rows() const;
  size_t err_columns() const;

 private:
  void ClearStatusLocked() COVEY_REQUIRES(mutex_);
  bool WriteErrLocked(std::string_view bytes) COVEY_REQUIRES(mutex_);
  // Where the cursor is when a terminal has shown `bytes`.
  void Follow(std::string_view bytes);

  // Constant after construction.
  const int out_fd_;
  const int err_fd_;
  const bool out_is_terminal_;
  const bool err_is_terminal_;
  const bool escapes_;  // TERM names a terminal that knows them
  const bool out_has_colors_;
  const bool err_has_colors_;

  // Have their own synchronisation.
  std::atomic<bool> at_line_start_ = true;  // of the terminal
  std::atomic<bool> drawing_ = false;       // the status line
  std::atomic<bool> leaving_ = false;

  // The innermost lock.
  mutable Mutex mutex_;
  int out_error_ COVEY_GUARDED_BY(mutex_) = 0;
  bool status_shown_ COVEY_GUARDED_BY(mutex_) = false;
};

}  // namespace covey::cli
