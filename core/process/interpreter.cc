#include "core/process/interpreter.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <string_view>

#include "core/base/unique_fd.h"

namespace covey {
namespace {

constexpr int kDeepest = 5;  // what the kernel follows

// Of the regular file `fd`; never waits for a FIFO or a device.
std::string ReadAt(int fd, off_t at, size_t size) {
  std::string bytes(size, '\0');
  const ssize_t n = ::pread(fd, bytes.data(), size, at);
  bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return bytes;
}

std::string OfScript(std::string_view line) {
  line = line.substr(0, line.find('\n'));
  line.remove_prefix(std::min(line.find_first_not_of(" \t", 2), line.size()));
  return std::string(line.substr(0, line.find_first_of(" \t")));
}

std::string OfElf(int fd, const std::string& bytes) {
  Elf64_Ehdr header{};
  if (bytes.size() < sizeof header) return {};
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr)) return {};
  for (size_t i = 0; i < header.e_phnum; ++i) {
    const std::string part =
        ReadAt(fd, static_cast<off_t>(header.e_phoff + i * sizeof(Elf64_Phdr)), sizeof(Elf64_Phdr));
    Elf64_Phdr segment{};
    if (part.size() < sizeof segment) return {};
    std::memcpy(&segment, part.data(), sizeof segment);
    if (segment.p_type != PT_INTERP || segment.p_filesz == 0 || segment.p_filesz > PATH_MAX) continue;
    return ReadAt(fd, static_cast<off_t>(segment.p_offset), segment.p_filesz).c_str();
  }
  return {};
}

// Empty: it needs none, or cannot be read.
std::string InterpreterOf(const std::string& program) {
  const UniqueFd fd(::open(program.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const std::string bytes = ReadAt(fd.get(), 0, 256);
  if (bytes.starts_with("#!")) return OfScript(bytes);
  return bytes.starts_with(ELFMAG) ? OfElf(fd.get(), bytes) : std::string();
}

}  // namespace

std::optional<std::string> MissingInterpreter(const std::string& program) {
  std::string at = program;
  for (int depth = 0; depth < kDeepest; ++depth) {
    at = InterpreterOf(at);
    if (at.empty()) return std::nullopt;
    struct stat status {};
    if (::stat(at.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0)
      return at;
  }
  return std::nullopt;
}

}  // namespace covey
