#pragma once

#include <sys/types.h>

#include <string>
#include <thread>
#include <vector>

#include "core/base/mutex.h"

namespace covey::cli {

// One run of the covey program, with its output collected. A run that does not end within 30 s is killed and
// fails its test. For one thread.
class Program {
 public:
  struct Options {
    std::string input;                     // standard input; then its end
    bool keep_input_open = false;          // the end comes with CloseInput
    bool nobody_reads = false;             // standard output is a pipe without a reader
    bool ignore_interrupts = false;        // started with SIGINT ignored, as a shell's background jobs
    std::vector<std::string> environment;  // KEY=VALUE, besides PATH
  };

  Program(const std::string& address, std::vector<std::string> arguments)
      : Program(address, std::move(arguments), Options()) {}
  Program(const std::string& address, std::vector<std::string> arguments, Options options);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void Signal(int number) const;
  void Input(const std::string& bytes) const;
  void CloseInput();
  // Waits until `text` was written.
  void AwaitOut(const std::string& text) { Await(&out_, text); }
  void AwaitErr(const std::string& text) { Await(&err_, text); }

  // Waits for the end: the exit code, or minus the signal that ended it.
  int Wait();
  // What was written; complete after Wait.
  std::string out() const;
  std::string err() const;

 private:
  void Collect(int fd, std::string* bytes);
  void Await(const std::string* bytes, const std::string& text);

  pid_t pid_ = -1;
  int input_ = -1;
  bool over_ = false;
  int status_ = 0;

  mutable Mutex mutex_;
  CondVar more_;
  std::string out_ COVEY_GUARDED_BY(mutex_);
  std::string err_ COVEY_GUARDED_BY(mutex_);

  std::thread out_reader_;
  std::thread err_reader_;
};

}  // namespace covey::cli
