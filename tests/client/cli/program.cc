#include "tests/client/cli/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "core/base/check.h"

namespace covey::cli {
namespace {

constexpr std::chrono::seconds kProgramBound{30};

std::vector<char*> Pointers(std::vector<std::string>* strings) {
  std::vector<char*> pointers;
  for (std::string& text : *strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Program::Program(const std::string& address, std::vector<std::string> arguments, Options options) {
  arguments.insert(arguments.begin(), COVEY_PROGRAM);
  options.environment.push_back("PATH=/usr/bin:/bin");
  options.environment.push_back("COVEY_ADDRESS=" + address);
  if (const char* sanitizer = getenv("ASAN_OPTIONS"))
    options.environment.push_back(std::string("ASAN_OPTIONS=") + sanitizer);
  const std::vector<char*> argv = Pointers(&arguments);
  const std::vector<char*> envp = Pointers(&options.environment);
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  COVEY_CHECK(pipe2(in.data(), O_CLOEXEC) == 0 && pipe2(out.data(), O_CLOEXEC) == 0 &&
              pipe2(err.data(), O_CLOEXEC) == 0);
  pid_ = fork();
  COVEY_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    signal(SIGINT, options.ignore_interrupts ? SIG_IGN : SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    execve(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  input_ = in[1];
  if (options.nobody_reads) {
    close(out[0]);
  } else {
    out_reader_ = std::thread([this, fd = out[0]] { Collect(fd, &out_); });
  }
  err_reader_ = std::thread([this, fd = err[0]] { Collect(fd, &err_); });
  signal(SIGPIPE, SIG_IGN);  // a program that ends early does not end the test
  Input(options.input);
  if (!options.keep_input_open) CloseInput();
}

Program::~Program() { Wait(); }

void Program::Signal(int number) const { EXPECT_EQ(kill(pid_, number), 0); }

void Program::Input(const std::string& bytes) const {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = write(input_, bytes.data() + done, bytes.size() - done);
    if (written < 0) return;  // it ended without reading all
    done += static_cast<size_t>(written);
  }
}

void Program::CloseInput() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

int Program::Wait() {
  if (over_) return status_;
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  pollfd ended{.fd = pidfd, .events = POLLIN, .revents = 0};
  if (poll(&ended, 1, std::chrono::milliseconds(kProgramBound).count()) == 0) {
    ADD_FAILURE() << "covey did not end; standard error: " << err();
    kill(pid_, SIGKILL);
  }
  close(pidfd);
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
  CloseInput();
  if (out_reader_.joinable()) out_reader_.join();
  err_reader_.join();
  over_ = true;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return status_;
}

std::string Program::out() const {
  const MutexLock lock(mutex_);
  return out_;
}

std::string Program::err() const {
  const MutexLock lock(mutex_);
  return err_;
}

void Program::Collect(int fd, std::string* bytes) {
  std::array<char, 4096> buffer{};
  for (ssize_t got; (got = read(fd, buffer.data(), buffer.size())) > 0;) {
    const MutexLock lock(mutex_);
    bytes->append(buffer.data(), static_cast<size_t>(got));
    more_.NotifyAll();
  }
  close(fd);
}

void Program::Await(const std::string* bytes, const std::string& text) {
  const auto end = std::chrono::steady_clock::now() + kProgramBound;
  const MutexLock lock(mutex_);
  while (bytes->find(text) == std::string::npos) {
    if (!more_.WaitUntil(mutex_, end)) {
      ADD_FAILURE() << "\"" << text << "\" was not written but: " << *bytes;
      return;
    }
  }
}

}  // namespace covey::cli
