#include "core/process/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <charconv>

#include "core/process/errno_text.h"
#include "core/process/shortage.h"

namespace covey {
namespace {

constexpr size_t kFirstBuffer = 4096;
constexpr size_t kLargestBuffer = 1 << 20;
constexpr int kMostGroups = 65536;  // NGROUPS_MAX

// A number that can be an id: the highest stands for "none".
std::optional<uint32_t> ParseId(const std::string& text) {
  uint32_t id = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc() || rest != end || id == UINT32_MAX) return std::nullopt;
  return id;
}

// Calls a function like getpwnam_r, giving it as much room as it wants. Returns its error, 0 when there is
// merely no such entry.
template <typename Entry, typename Call>
int LookUp(std::vector<char>* buffer, Entry* entry, Entry** found, const Call& call) {
  buffer->resize(kFirstBuffer);
  for (;;) {
    const int error = call(entry, buffer->data(), buffer->size(), found);
    if (error == ERANGE && buffer->size() < kLargestBuffer) {
      buffer->resize(2 * buffer->size());
      continue;
    }
    // What the manual says an unknown name may give.
    return error == ENOENT || error == ESRCH || error == EBADF || error == EPERM ? 0 : error;
  }
}

StartProblem Unreachable(std::string field, int error) {
  return {.code = IsShortage(error) ? ErrorCode::kResourceExhausted : ErrorCode::kUnavailable,
          .reason = "ACCOUNT_LOOKUP_FAILED",
          .field = std::move(field),
          .description = "cannot be looked up: " + ErrnoText(error)};
}

StartProblem Unknown(std::string field, std::string description) {
  return {.code = ErrorCode::kInvalidArgument,
          .reason = "BAD_REQUEST",
          .field = std::move(field),
          .description = std::move(description)};
}

// True: there is an entry, and `out` is filled from it.
std::optional<StartProblem> FindUser(const std::string& user, Account* out, bool* has_entry) {
  const std::optional<uint32_t> id = user.empty() ? std::optional<uint32_t>(::geteuid()) : ParseId(user);
  std::vector<char> buffer;
  passwd entry{};
  passwd* found = nullptr;
  const int error = LookUp(&buffer, &entry, &found, [&](passwd* to, char* at, size_t size, passwd** result) {
    return id ? ::getpwuid_r(*id, to, at, size, result) : ::getpwnam_r(user.c_str(), to, at, size, result);
  });
  *has_entry = found != nullptr;
  if (*has_entry) {
    out->user = entry.pw_uid;
    out->group = entry.pw_gid;
    out->name = entry.pw_name;
    out->home = entry.pw_dir;
    out->shell = entry.pw_shell;
    return std::nullopt;
  }
  if (error != 0) return Unreachable("user", error);
  if (!id) return Unknown("user", "must be a user of this system or a number, got '" + user + "'");
  out->user = *id;
  return std::nullopt;
}

std::optional<StartProblem> FindGroup(const std::string& group, Account* out) {
  if (const std::optional<uint32_t> id = ParseId(group)) {
    out->group = *id;
    return std::nullopt;
  }
  std::vector<char> buffer;
  ::group entry{};
  ::group* found = nullptr;
  const int error =
      LookUp(&buffer, &entry, &found, [&](::group* to, char* at, size_t size, ::group** result) {
        return ::getgrnam_r(group.c_str(), to, at, size, result);
      });
  if (found != nullptr) {
    out->group = entry.gr_gid;
    return std::nullopt;
  }
  if (error != 0) return Unreachable("group", error);
  return Unknown("group", "must be a group of this system or a number, got '" + group + "'");
}

}  // namespace

std::optional<StartProblem> FindAccount(const std::string& user, const std::string& group, Account* out) {
  bool has_entry = false;
  if (auto problem = FindUser(user, out, &has_entry)) return problem;
  if (!group.empty()) {
    if (auto problem = FindGroup(group, out)) return problem;
    out->groups = {out->group};
    return std::nullopt;
  }
  if (!has_entry) {
    return Unknown("group", "is required with a user that the system has no entry for, got user " + user);
  }
  out->groups.resize(64);
  int count = static_cast<int>(out->groups.size());
  while (::getgrouplist(out->name.c_str(), out->group, out->groups.data(), &count) < 0 &&
         count <= kMostGroups && count > static_cast<int>(out->groups.size())) {
    out->groups.resize(static_cast<size_t>(count));
  }
  out->groups.resize(static_cast<size_t>(count));
  return std::nullopt;
}

}  // namespace covey
