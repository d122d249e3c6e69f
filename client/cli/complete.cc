#include "client/cli/complete.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include "client/cli/command.h"
#include "client/cli/find.h"
#include "client/cli/format.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

// A shell waits for it with every key.
constexpr client::CallOptions kSoon{.timeout = std::chrono::milliseconds(500)};
constexpr int kMost = 200;

const Option* FindOption(const std::vector<Option>& options, std::string_view typed) {
  for (const Option& option : options) {
    const bool is_long = typed.starts_with("--") && typed.substr(2) == option.name;
    const bool is_letter = typed.size() == 2 && typed[1] == option.letter && option.letter != 0;
    if (is_long || is_letter) return &option;
  }
  return nullptr;
}

// bash takes "--policy=any" for three words; they are one.
void JoinEquals(std::vector<std::string>* words) {
  for (size_t i = 1; i < words->size(); ++i) {
    std::string& before = (*words)[i - 1];
    if (!before.starts_with("--") || (*words)[i] != "=") continue;
    before += "=";
    if (i + 1 < words->size()) before += (*words)[i + 1];
    words->erase(words->begin() + static_cast<ptrdiff_t>(i),
                 words->begin() + static_cast<ptrdiff_t>(std::min(i + 2, words->size())));
  }
}

class Completer {
 public:
  Completer(Session& session, Completion* out) : session_(session), out_(*out) {}

  void Add(std::string word, std::string description = {}) {
    out_.candidates.push_back({std::move(word), std::move(description)});
  }

  void AddOptions(const std::vector<Option>& options) {
    for (const Option& option : options)
      Add("--" + std::string(option.name), std::string(option.help.substr(0, option.help.find('\n'))));
  }

  void AddCommands(std::string_view before) {
    for (const Command& command : Commands()) {
      std::string_view name = command.name;
      if (!before.empty()) {
        if (!name.starts_with(before) || name.size() == before.size()) continue;
        if (name[before.size()] != ' ') continue;
        name.remove_prefix(before.size() + 1);
      } else if (name.find(' ') != std::string_view::npos) {
        continue;
      }
      Add(std::string(name), std::string(command.summary));
    }
  }

  void AddValues(const Option& option) {
    std::string_view choices = option.choices;
    while (!choices.empty()) {
      const size_t end = std::min(choices.find(' '), choices.size());
      Add(std::string(choices.substr(0, end)));
      choices.remove_prefix(std::min(end + 1, choices.size()));
    }
    if (option.value == "FILE") out_.otherwise = Otherwise::kFiles;
    if (option.value == "DIR") out_.otherwise = Otherwise::kDirectories;
    if (option.value == "POOL") AddPools();
  }

  void AddWords(Names names, std::string_view typed) {
    switch (names) {
      case Names::kNothing:
        return;
      case Names::kRunningGroup:
        return AddGroups({v1::GROUP_STATE_RUNNING, v1::GROUP_STATE_STOPPING}, typed);
      case Names::kEndedGroup:
        return AddGroups({v1::GROUP_STATE_SUCCEEDED, v1::GROUP_STATE_FAILED, v1::GROUP_STATE_CANCELLED},
                         typed);
      case Names::kAnyGroup:
        return AddGroups({}, typed);
      case Names::kRunningTarget:
      case Names::kAnyTarget:
        if (const size_t slash = typed.find('/'); slash != std::string_view::npos) {
          return AddTasks(std::string(typed.substr(0, slash)));
        }
        return AddWords(names == Names::kAnyTarget ? Names::kAnyGroup : Names::kRunningGroup, typed);
      case Names::kPool:
        return AddPools();
      case Names::kCommand:
        return AddCommands({});
      case Names::kShell:
        Add("bash");
        Add("zsh");
        Add("fish");
        return;
    }
  }

 private:
  // Their ids and names that begin as `typed`, each of the newest kMost.
  void AddGroups(const std::vector<v1::GroupState>& states, std::string_view typed) {
    if (typed.starts_with('@')) {
      Add("@last", "the newest group");
      Add("@last-failed", "the newest group that failed");
      return;
    }
    Result<client::Client> client = session_.Connect();
    if (!client.ok()) return;
    std::set<std::string> names;
    std::vector<v1::Group> groups;
    for (const bool by_name : {true, false}) {
      v1::ListGroupsRequest request;
      request.set_page_size(kMost);
      if (by_name) request.set_name_prefix(std::string(typed));
      if (!by_name) request.set_id_prefix(std::string(typed));
      for (const v1::GroupState state : states) request.add_states(state);
      const Result<v1::ListGroupsResponse> page = client.value().ListGroups(request, kSoon);
      if (!page.ok()) return;
      groups.assign(page.value().groups().begin(), page.value().groups().end());
      for (const v1::Group& group : groups) {
        const std::string& name = group.spec().name();
        if (by_name && !name.empty() && names.insert(name).second)
          Add(name, std::string(StateText(group.state())));
      }
      if (typed.empty()) break;  // the second answer would be the same
    }
    for (const v1::Group& group : groups) {
      const std::string& name = group.spec().name();
      Add(group.id(), (name.empty() ? "" : name + ", ") + std::string(StateText(group.state())));
    }
  }

  void AddTasks(const std::string& group) {
    Result<client::Client> client = session_.Connect();
    if (!client.ok()) return;
    const Result<std::string> found = FindGroup(client.value(), group, kSoon);
    if (!found.ok()) return;
    v1::ListTasksRequest request;
    request.set_group_id(found.value());
    request.set_page_size(kMost);
    const Result<v1::ListTasksResponse> page = client.value().ListTasks(request, kSoon);
    if (!page.ok()) return;
    for (const v1::Task& task : page.value().tasks())
      Add(group + "/" + task.name(), std::string(StateText(task.state())));
  }

  void AddPools() {
    Result<client::Client> client = session_.Connect();
    if (!client.ok()) return;
    const Result<std::vector<v1::Pool>> pools = client.value().ListPools(kSoon);
    if (!pools.ok()) return;
    for (const v1::Pool& pool : pools.value())
      Add(pool.name(), "at most " + std::to_string(pool.spec().max()));
  }

  Session& session_;
  Completion& out_;
};

}  // namespace

Completion Complete(Session& session, std::vector<std::string> words) {
  JoinEquals(&words);
  Completion out;
  if (words.empty()) words.emplace_back();
  const std::string typed = words.back();
  words.pop_back();
  std::optional<std::string> address;
  const Command* command = nullptr;
  std::string name;
  size_t count = 0;  // words of the command so far
  bool behind_dashes = false;
  const Option* waiting = nullptr;  // an option whose value comes next
  std::vector<Option> options(GlobalOptions().begin(), GlobalOptions().end());
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (behind_dashes) {
      ++count;
    } else if (waiting != nullptr) {
      if (waiting->name == "address") address = word;
      waiting = nullptr;
    } else if (word == "--") {
      behind_dashes = true;
      count = 0;
    } else if (word.size() > 1 && word[0] == '-') {
      const size_t equals = word.find('=');
      const Option* option = FindOption(options, word.substr(0, equals));
      if (option == nullptr || option->value.empty()) continue;
      if (equals == std::string::npos) waiting = option;
      if (equals != std::string::npos && option->name == "address") address = word.substr(equals + 1);
    } else if (command == nullptr || (count == 0 && FindCommand(name + " " + word) != nullptr)) {
      name = command == nullptr ? word : name + " " + word;
      command = FindCommand(name);
      if (command == nullptr) return out;
      options = AllOptions(*command);
    } else {
      ++count;
    }
  }

  Session asked(session.console(), false, address.value_or(session.address()));
  Completer completer(asked, &out);
  std::string before;  // of a word whose end is completed
  if (behind_dashes) {
    out.otherwise = count == 0 ? Otherwise::kPrograms : Otherwise::kFiles;
  } else if (waiting != nullptr) {
    completer.AddValues(*waiting);
  } else if (typed.starts_with('-')) {
    const size_t equals = typed.find('=');
    const Option* option =
        equals == std::string::npos ? nullptr : FindOption(options, typed.substr(0, equals));
    if (option != nullptr) {
      before = typed.substr(0, equals + 1);
      completer.AddValues(*option);
    } else {
      completer.AddOptions(options);
    }
  } else if (command == nullptr) {
    completer.AddCommands({});
  } else {
    if (count == 0) completer.AddCommands(command->name);
    if (count < command->words.most) completer.AddWords(command->words.names, typed);
  }
  const std::string beginning = typed.substr(before.size());
  std::erase_if(out.candidates,
                [&](const Candidate& candidate) { return !candidate.word.starts_with(beginning); });
  for (Candidate& candidate : out.candidates) {
    candidate.word = before + Printable(candidate.word);
    candidate.description = Printable(candidate.description);
  }
  return out;
}

}  // namespace covey::cli
