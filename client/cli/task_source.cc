#include "client/cli/task_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "client/cli/command_line.h"
#include "client/cli/json.h"
#include "client/cli/process_options.h"
#include "client/cli/text.h"
#include "covey/client/task.h"

namespace covey::cli {

void ProcessDefaults::Apply(v1::TaskSpec* task) const {
  if (!task->has_process()) return;
  v1::ProcessSpec& process = *task->mutable_process();
  for (const auto& [key, value] : env) process.mutable_env()->insert({key, value});  // keeps the task's own
  if (grace && !process.has_grace()) *process.mutable_grace() = client::ToProto(*grace);
  if (linger && !process.has_linger()) *process.mutable_linger() = client::ToProto(*linger);
  if (process.working_dir().empty()) process.set_working_dir(working_dir);
  FillIn(settings, &process);
}

namespace {

constexpr size_t kMaxTasks = 1'000;
constexpr size_t kMaxBytes = 512 << 10;  // the last task of a batch may go past it
constexpr size_t kMaxLine = 16 << 20;    // several times what one task may hold
constexpr size_t kReadSize = 64 << 10;

class SingleTask final : public TaskSource {
 public:
  explicit SingleTask(v1::TaskSpec task) { *batch_.tasks.Add() = std::move(task); }

  Result<TaskBatch> NextBatch() override {
    TaskBatch batch;
    batch.last = true;
    if (!stopped_) batch.tasks.Swap(&batch_.tasks);
    return batch;
  }
  void Stop() override { stopped_ = true; }
  std::string FieldName(const TaskBatch&, std::string_view field) const override {
    constexpr std::string_view kOnly = "tasks[0].";
    if (field.starts_with(kOnly)) field.remove_prefix(kOnly.size());
    return Printable(field);
  }

 private:
  TaskBatch batch_;
  std::atomic<bool> stopped_ = false;
};

class TaskFile final : public TaskSource {
 public:
  // Takes over both descriptors, except for standard input.
  TaskFile(int fd, int stop_fd, std::string name, ProcessDefaults defaults)
      : fd_(fd), stop_fd_(stop_fd), name_(std::move(name)), defaults_(std::move(defaults)) {}
  ~TaskFile() override {
    if (fd_ != STDIN_FILENO) close(fd_);
    close(stop_fd_);
  }

  void Stop() override {
    const uint64_t one = 1;
    (void)!write(stop_fd_, &one, sizeof(one));  // cannot fail: the counter is far from full
  }

  Result<TaskBatch> NextBatch() override;
  std::string FieldName(const TaskBatch& batch, std::string_view field) const override;

 private:
  enum class Input { kReady, kNone, kStopped };

  // Waits for input, or looks whether there is any.
  Input Await(bool wait) const;
  // Takes a whole line off the buffer; at the end of the file also one without line end.
  std::optional<std::string_view> TakeLine();
  Result<Void> Read();
  Result<Void> Parse(std::string_view line, TaskBatch* batch, size_t* bytes) const;
  Error At(uint64_t line, std::string_view message) const {
    return UsageError(Printable(name_) + ":" + std::to_string(line) + ": " + std::string(message));
  }

  const int fd_;
  const int stop_fd_;  // an eventfd: readable once stopped
  const std::string name_;
  const ProcessDefaults defaults_;

  std::string buffer_;
  size_t begin_ = 0;    // of what was not taken yet
  size_t scanned_ = 0;  // no line end before here
  bool at_end_ = false;
  uint64_t line_ = 0;
};

TaskFile::Input TaskFile::Await(bool wait) const {
  std::array<pollfd, 2> fds{
      {{.fd = fd_, .events = POLLIN, .revents = 0}, {.fd = stop_fd_, .events = POLLIN, .revents = 0}}};
  while (poll(fds.data(), fds.size(), wait ? -1 : 0) < 0 && errno == EINTR) {
  }
  if (fds[1].revents != 0) return Input::kStopped;
  return fds[0].revents != 0 ? Input::kReady : Input::kNone;
}

std::optional<std::string_view> TaskFile::TakeLine() {
  const size_t end = buffer_.find('\n', std::max(begin_, scanned_));
  scanned_ = buffer_.size();
  if (end == std::string::npos && !(at_end_ && begin_ < buffer_.size())) return std::nullopt;
  const std::string_view line =
      std::string_view(buffer_).substr(begin_, end == std::string::npos ? end : end - begin_);
  begin_ += line.size() + (end == std::string::npos ? 0 : 1);
  scanned_ = begin_;
  ++line_;
  return line;
}

Result<Void> TaskFile::Read() {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  if (buffer_.size() > kMaxLine) return At(line_ + 1, "the line is longer than 16 MiB");
  const size_t used = buffer_.size();
  buffer_.resize(used + kReadSize);
  ssize_t got = -1;
  do {
    got = read(fd_, buffer_.data() + used, kReadSize);
  } while (got < 0 && errno == EINTR);
  buffer_.resize(used + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0 && errno != EAGAIN) {
    return UsageError("cannot read " + Printable(name_) + ": " + std::strerror(errno));
  }
  at_end_ = got == 0;
  return Void{};
}

Result<Void> TaskFile::Parse(std::string_view line, TaskBatch* batch, size_t* bytes) const {
  const size_t text = line.find_first_not_of(" \t\r");
  if (text == std::string_view::npos || line[text] == '#') return Void{};
  if (!IsUtf8(line)) return At(line_, "the line is not UTF-8");
  v1::TaskSpec task;
  if (const Result<Void> parsed = FromJson(line, &task); !parsed.ok())
    return At(line_, parsed.error().message);
  if (task.work_case() == v1::TaskSpec::WORK_NOT_SET) {
    return At(line_, "one of \"process\" and \"function\" is required");
  }
  if (task.has_process() && task.process().argv().empty()) {
    return At(line_, "process.argv: the program is missing");
  }
  defaults_.Apply(&task);
  *bytes += task.ByteSizeLong();
  *batch->tasks.Add() = std::move(task);
  batch->lines.push_back(line_);
  return Void{};
}

Result<TaskBatch> TaskFile::NextBatch() {
  TaskBatch batch;
  size_t bytes = 0;
  while (static_cast<size_t>(batch.tasks.size()) < kMaxTasks && bytes < kMaxBytes) {
    if (const std::optional<std::string_view> line = TakeLine()) {
      if (const Result<Void> parsed = Parse(*line, &batch, &bytes); !parsed.ok()) return parsed.error();
      continue;
    }
    if (at_end_) {
      batch.last = true;
      return batch;
    }
    switch (Await(batch.tasks.empty())) {
      case Input::kStopped:
        return TaskBatch{.tasks = {}, .lines = {}, .last = true};
      case Input::kNone:
        return batch;
      case Input::kReady:
        if (const Result<Void> read = Read(); !read.ok()) return read.error();
    }
  }
  return batch;
}

std::string TaskFile::FieldName(const TaskBatch& batch, std::string_view field) const {
  constexpr std::string_view kTasks = "tasks[";
  const size_t close = field.find(']');
  size_t index = 0;
  if (!field.starts_with(kTasks) || close == std::string_view::npos ||
      std::from_chars(field.data() + kTasks.size(), field.data() + close, index).ec != std::errc() ||
      index >= batch.lines.size()) {
    return Printable(field);
  }
  std::string_view rest = field.substr(close + 1);
  if (rest.starts_with('.')) rest.remove_prefix(1);
  return Printable(name_) + ":" + std::to_string(batch.lines[index]) +
         (rest.empty() ? "" : ": " + Printable(rest));
}

}  // namespace

std::unique_ptr<TaskSource> MakeSingleTask(v1::TaskSpec task) {
  return std::make_unique<SingleTask>(std::move(task));
}

Result<std::unique_ptr<TaskSource>> OpenTaskFile(const std::string& path, ProcessDefaults defaults) {
  const int fd = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const int stop_fd = fd < 0 ? -1 : eventfd(0, EFD_CLOEXEC);
  if (stop_fd < 0) return UsageError("cannot open " + Printable(path) + ": " + std::strerror(errno));
  return std::unique_ptr<TaskSource>(
      std::make_unique<TaskFile>(fd, stop_fd, path == "-" ? "standard input" : path, std::move(defaults)));
}

}  // namespace covey::cli
