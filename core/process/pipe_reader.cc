#include "core/process/pipe_reader.h"

#include <errno.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

namespace covey {
namespace {

constexpr size_t kPipeBuffer = 64 * 1024;
constexpr size_t kTailSize = 4 * 1024;
constexpr OutputStream kStreams[] = {OutputStream::kStdout, OutputStream::kStderr};

UniqueFd& PipeOf(Supervised& process, OutputStream stream) {
  return stream == OutputStream::kStderr ? process.child.stderr_pipe : process.child.stdout_pipe;
}

Supervised::PipeState& StateOf(Supervised& process, OutputStream stream) {
  return process.pipes[stream == OutputStream::kStderr ? 1 : 0];
}

void KeepTail(std::string* tail, size_t limit) {
  if (tail->size() > limit) tail->erase(0, tail->size() - kTailSize);
}

// The end of stderr, and up to twice of it so that not every piece moves the rest.
void KeepStderr(std::string* tail, std::string_view bytes) {
  tail->append(bytes.substr(bytes.size() - std::min(bytes.size(), kTailSize)));
  KeepTail(tail, 2 * kTailSize);
}

}  // namespace

PipeReader::PipeReader(Listen listen, Close close)
    : listen_(std::move(listen)), close_(std::move(close)), buffer_(std::make_unique<char[]>(kPipeBuffer)) {}

void PipeReader::Read(Supervised& process, OutputStream stream) {
  UniqueFd& pipe = PipeOf(process, stream);
  if (!pipe || StateOf(process, stream).held) return;
  const size_t room = Room(process, stream);
  if (room == 0) return;
  const ssize_t n = ReadUpTo(process, stream, room);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) return;
  close_(&pipe);
}

bool PipeReader::Drain(Supervised& process) {
  bool all = true;
  for (const OutputStream stream : kStreams) all = DrainOne(process, stream) && all;
  if (all) KeepTail(&process.result.stderr_tail, kTailSize);
  return all;
}

bool PipeReader::DrainOne(Supervised& process, OutputStream stream) {
  UniqueFd& pipe = PipeOf(process, stream);
  if (!pipe) return true;
  Supervised::PipeState& state = StateOf(process, stream);
  if (!std::exchange(state.draining, true)) ::ioctl(pipe.get(), FIONREAD, &state.left);
  while (state.left > 0) {
    const size_t room = Room(process, stream);
    if (room == 0) return false;
    const ssize_t n = ReadUpTo(process, stream, std::min(room, static_cast<size_t>(state.left)));
    if (n <= 0) break;
    state.left -= static_cast<int>(n);
  }
  close_(&pipe);
  return true;
}

void PipeReader::Resume(Supervised& process) {
  for (const OutputStream stream : kStreams) {
    if (!std::exchange(StateOf(process, stream).held, false)) continue;
    if (PipeOf(process, stream)) listen_(process, stream, true);
  }
}

void PipeReader::Release(Supervised& process) {
  process.released = true;
  Resume(process);
}

bool PipeReader::AnyOpen(const Supervised& process) {
  return process.child.stdout_pipe || process.child.stderr_pipe;
}

bool PipeReader::AnyWriter(const Supervised& process) {
  for (const UniqueFd* pipe : {&process.child.stdout_pipe, &process.child.stderr_pipe}) {
    pollfd state{.fd = pipe->get(), .events = 0, .revents = 0};
    if (*pipe && (::poll(&state, 1, 0) <= 0 || (state.revents & POLLHUP) == 0)) return true;
  }
  return false;
}

bool PipeReader::AnyHeld(const Supervised& process) { return process.pipes[0].held || process.pipes[1].held; }

size_t PipeReader::Room(Supervised& process, OutputStream stream) {
  if (process.released) return kPipeBuffer;
  const size_t room = std::min(process.listener->OutputRoom(process.id, stream), kPipeBuffer);
  if (room > 0) return room;
  if (!std::exchange(StateOf(process, stream).held, true)) listen_(process, stream, false);
  return 0;
}

ssize_t PipeReader::ReadUpTo(Supervised& process, OutputStream stream, size_t size) {
  const ssize_t n = ::read(PipeOf(process, stream).get(), buffer_.get(), size);
  if (n <= 0) return n;
  const std::string_view bytes(buffer_.get(), static_cast<size_t>(n));
  if (stream == OutputStream::kStderr) KeepStderr(&process.result.stderr_tail, bytes);
  process.listener->OnOutput(stream, bytes);
  return n;
}

}  // namespace covey
