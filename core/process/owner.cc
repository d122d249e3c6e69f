#include "core/process/owner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>

#include "core/process/proc_fs.h"

namespace covey {
namespace {

template <typename Number>
bool TakeNumber(std::string_view* text, Number* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc() || end == text->data()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool TakeDot(std::string_view* text) {
  if (!text->starts_with('.')) return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace

Owner Owner::Self() {
  Owner self{.pid = ::getpid()};
  struct stat status {};
  if (::stat("/proc/self/ns/pid", &status) == 0) self.pid_namespace = status.st_ino;
  if (const auto stat = procfs::ReadSelf()) self.start_ticks = stat->start_ticks;
  return self;
}

std::string Owner::Text() const {
  return std::to_string(pid_namespace) + "." + std::to_string(pid) + "." + std::to_string(start_ticks);
}

std::optional<Owner> Owner::Parse(std::string_view text) {
  Owner owner;
  const bool whole = TakeNumber(&text, &owner.pid_namespace) && TakeDot(&text) &&
                     TakeNumber(&text, &owner.pid) && TakeDot(&text) && TakeNumber(&text, &owner.start_ticks);
  return whole && text.empty() ? std::optional(owner) : std::nullopt;
}

Owner::Fate Owner::Look() const {
  // The /proc of another namespace would tell of others that have these pids there.
  if (pid_namespace == 0 || pid_namespace != Self().pid_namespace || !procfs::IsOfOurNamespace()) {
    return Fate::kUnknown;
  }
  procfs::Missed missed;
  const std::optional<procfs::Stat> stat = procfs::ReadStat(pid, &missed);
  if (missed.any) return Fate::kUnknown;
  return stat && stat->start_ticks == start_ticks && !stat->dead() ? Fate::kAlive : Fate::kDead;
}

}  // namespace covey
