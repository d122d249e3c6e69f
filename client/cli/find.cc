#include "client/cli/find.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "client/cli/format.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr int kMostCandidates = 10;  // of an ambiguous beginning, told

// The form of ids that daemons make: 8-4-4-4-12 hexadecimal digits.
bool IsUuid(std::string_view word) {
  constexpr size_t kLength = 36;
  for (size_t i = 0; i < word.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? word[i] != '-' : std::isxdigit(static_cast<unsigned char>(word[i])) == 0) return false;
  }
  return word.size() == kLength;
}

Error NoGroup(const std::string& word) {
  return {.code = ErrorCode::kNotFound,
          .reason = "GROUP_NOT_FOUND",
          .message = "no group " + word + ": it is neither an id, nor the beginning of one, nor a name",
          .fields = {}};
}

Error Ambiguous(const std::string& word, const std::vector<v1::Group>& groups, bool more) {
  Error error{.code = ErrorCode::kInvalidArgument,
              .reason = "AMBIGUOUS",
              .message = "group " + word + " is ambiguous: " + (more ? "more than " : "") +
                         std::to_string(groups.size()) + " ids begin so; type more of the one that is meant",
              .fields = {}};
  for (const v1::Group& group : groups) {
    const std::string& name = group.spec().name();
    error.fields.push_back({.field = group.id(),
                            .description = (name.empty() ? "" : name + ", ") +
                                           std::string(StateText(group.state())) +
                                           (group.command().empty() ? "" : ", " + group.command())});
  }
  return error;
}

// @last and @last-failed.
Result<std::string> FindLast(client::Client& client, const std::string& word,
                             const client::CallOptions& call) {
  v1::ListGroupsRequest request;
  request.set_page_size(1);
  if (word == "@last-failed") {
    request.add_states(v1::GROUP_STATE_FAILED);
  } else if (word != "@last") {
    return UsageError("behind @ goes last or last-failed, got " + Printable(word));
  }
  std::string found;
  const Result<Void> listed = client.ForEachGroup(
      std::move(request),
      [&found](const v1::Group& group) {
        found = group.id();
        return false;
      },
      call);
  if (!listed.ok()) return listed.error();
  if (!found.empty()) return found;
  return Error{
      .code = ErrorCode::kNotFound,
      .reason = "GROUP_NOT_FOUND",
      .message = word == "@last" ? "no group @last: there is no group" : "no group @last-failed: none failed",
      .fields = {}};
}

// The ids of the groups that have this name, newest first: the newest alone, or all of them.
Result<std::vector<std::string>> FindNamed(client::Client& client, const std::string& name, bool all,
                                           const client::CallOptions& call) {
  constexpr int kPage = 1000;
  v1::ListGroupsRequest request;
  request.set_name(name);
  request.set_name_prefix(name);  // for a daemon that does not know `name`
  request.set_page_size(all ? kPage : 1);
  std::vector<std::string> ids;
  const Result<Void> listed = client.ForEachGroup(
      std::move(request),
      [&](const v1::Group& group) {
        if (group.spec().name() == name) ids.push_back(group.id());
        return all || ids.empty();
      },
      call);
  if (!listed.ok()) return listed.error();
  return ids;
}

Result<std::string> FindByBeginning(client::Client& client, const std::string& word,
                                    const client::CallOptions& call) {
  v1::ListGroupsRequest request;
  request.set_id_prefix(word);
  request.set_page_size(kMostCandidates + 1);
  // A page may have few groups, or none, although more follow: then it is looked further for the second one.
  std::vector<v1::Group> found;
  const Result<Void> listed = client.ForEachGroup(
      std::move(request),
      [&](const v1::Group& group) {
        // Damaged ones are listed whatever is asked for; an older daemon does not know the filter.
        if (!group.id().starts_with(word)) return group.state() == v1::GROUP_STATE_UNSPECIFIED;
        found.push_back(group);
        return found.size() <= kMostCandidates;
      },
      call);
  if (!listed.ok()) return listed.error();
  if (found.empty()) return NoGroup(word);
  if (found.size() == 1) return found[0].id();
  const bool more = found.size() > kMostCandidates;
  if (more) found.pop_back();
  return Ambiguous(word, found, more);
}

// All that one word names: of a name every group when `all_named`.
Result<std::vector<std::string>> FindGroups(client::Client& client, const std::string& word, bool all_named,
                                            const client::CallOptions& call) {
  using Ids = std::vector<std::string>;
  if (IsUuid(word)) return Ids{word};
  if (word.starts_with('@')) {
    Result<std::string> last = FindLast(client, word, call);
    return last.ok() ? Result<Ids>(Ids{std::move(last.value())}) : last.error();
  }
  const Result<v1::Group> exact = client.GetGroup(word, call);
  const bool not_an_id = !exact.ok() && (exact.error().code == ErrorCode::kNotFound ||
                                         exact.error().code == ErrorCode::kInvalidArgument);
  if (exact.ok()) return Ids{word};
  // What else is wrong with it says the call that is meant, unless there is nobody to ask.
  if (!not_an_id)
    return exact.error().code == ErrorCode::kUnavailable ? Result<Ids>(exact.error()) : Ids{word};
  Result<Ids> named = FindNamed(client, word, all_named, call);
  if (!named.ok() || !named.value().empty()) return named;
  Result<std::string> begun = FindByBeginning(client, word, call);
  return begun.ok() ? Result<Ids>(Ids{std::move(begun.value())}) : begun.error();
}

Result<std::vector<Target>> FindTargetsOf(client::Client& client, const std::string& word, bool all_named,
                                          const client::CallOptions& call) {
  Result<Target> typed = ParseTarget(word);
  if (!typed.ok()) return typed.error();
  Target target = std::move(typed.value());
  Result<std::vector<std::string>> groups = FindGroups(client, target.group, all_named, call);
  // "a/b" may be the name of a group, or "a/b/c" its task c.
  const auto missing = [&] { return !groups.ok() && groups.error().reason == "GROUP_NOT_FOUND"; };
  for (size_t slash = target.group.size(); missing() && slash < word.size();) {
    slash = std::min(word.find('/', slash + 1), word.size());
    if (slash + 1 == word.size()) break;
    const Result<std::vector<std::string>> named = FindNamed(client, word.substr(0, slash), all_named, call);
    if (!named.ok()) return named.error();
    if (named.value().empty()) continue;
    groups = named.value();
    target.task = word.substr(std::min(slash + 1, word.size()));
  }
  if (!groups.ok()) return groups.error();
  std::vector<Target> targets;
  for (std::string& group : groups.value())
    targets.push_back({.group = std::move(group), .task = target.task});
  return targets;
}

}  // namespace

Result<std::string> FindGroup(client::Client& client, const std::string& word,
                              const client::CallOptions& call) {
  Result<std::vector<Target>> targets = FindTargetsOf(client, word, false, call);
  if (!targets.ok()) return targets.error();
  Target& target = targets.value()[0];
  if (target.task.empty()) return std::move(target.group);
  return UsageError("a group was expected, got the task " + Printable(word));
}

Result<Target> FindTarget(client::Client& client, const std::string& word) {
  Result<std::vector<Target>> targets = FindTargetsOf(client, word, false, {});
  if (!targets.ok()) return targets.error();
  return std::move(targets.value()[0]);
}

Option AllNamedOption() {
  return {.name = "all-named", .help = "a name stands for every group that has it, not for the newest"};
}

std::vector<Target> FindTargets(Session& session, client::Client& client,
                                const std::vector<std::string>& words, bool all_named, int* code) {
  std::vector<Target> found;
  for (const std::string& word : words) {
    const Result<std::vector<Target>> targets = FindTargetsOf(client, word, all_named, {});
    if (!targets.ok()) {
      const int failed = session.Fail(targets.error());
      if (*code == 0) *code = failed;
      continue;
    }
    for (const Target& target : targets.value()) {
      const bool known = all_named && std::any_of(found.begin(), found.end(), [&target](const Target& other) {
                           return other.group == target.group && other.task == target.task;
                         });
      if (!known) found.push_back(target);
    }
  }
  return found;
}

}  // namespace covey::cli
