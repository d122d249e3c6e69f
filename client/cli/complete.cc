#include "client/cli/complete.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include "client/cli/command.h"
#include "client/cli/format.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

constexpr client::CallOptions kSoon{.timeout = std::chrono::seconds(1)};
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
        return AddGroups({v1::GROUP_STATE_RUNNING, v1::GROUP_STATE_STOPPING});
      case Names::kEndedGroup:
        return AddGroups({v1::GROUP_STATE_SUCCEEDED, v1::GROUP_STATE_FAILED, v1::GROUP_STATE_CANCELLED});
      case Names::kAnyGroup:
        return AddGroups({});
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
        return;
    }
  }

 private:
  void AddGroups(const std::vector<v1::GroupState>& states) {
    Result<client::Client> client = session_.Connect();
    if (!client.ok()) return;
    v1::ListGroupsRequest request;
    request.set_page_size(kMost);
    for (const v1::GroupState state : states) request.add_states(state);
    const Result<v1::ListGroupsResponse> page = client.value().ListGroups(request, kSoon);
    if (!page.ok()) return;
    for (const v1::Group& group : page.value().groups()) {
      std::string about(StateText(group.state()));
      if (!group.spec().name().empty()) about = group.spec().name() + ", " + about;
      Add(group.id(), std::move(about));
    }
  }

  void AddTasks(const std::string& group) {
    Result<client::Client> client = session_.Connect();
    if (!client.ok()) return;
    v1::ListTasksRequest request;
    request.set_group_id(group);
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

// What bash puts in place is the part of the word behind its last '=' or ':', which are words of their own to
// it.
std::string_view BashCompletion() {
  return R"sh(# Completion of covey for bash: source <(covey completion bash)
_covey() {
  local word line mode='' typed=${COMP_WORDS[COMP_CWORD]} strip=''
  local -a words=("${COMP_WORDS[@]:1:COMP_CWORD}")
  if [[ $typed == '=' ]]; then
    typed=''
    strip="${COMP_WORDS[COMP_CWORD-1]}="
  elif ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[COMP_CWORD-1]} == '=' ]]; then
    strip="${COMP_WORDS[COMP_CWORD-2]}="
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :*) mode=${line#:} ;;
      *) word=${line%%$'\t'*}; COMPREPLY+=("$(printf '%q' "${word#"$strip"}")") ;;
    esac
  done < <("${COMP_WORDS[0]}" completion words -- "${words[@]}" 2>/dev/null)
  case $mode in
    files) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$typed") ;;
    directories) compopt -o filenames; while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$typed") ;;
    programs) while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -c -- "$typed") ;;
  esac
}
complete -F _covey covey
)sh";
}

std::string_view ZshCompletion() {
  return R"sh(#compdef covey
# Completion of covey for zsh: source <(covey completion zsh), or as a file _covey in a folder of $fpath.
_covey() {
  local line word mode=''
  local -a found
  while IFS= read -r line; do
    case $line in
      :*) mode=${line#:} ;;
      *) word=${line%%$'\t'*}; found+=("${word//:/\\:}:${line#*$'\t'}") ;;
    esac
  done < <("${words[1]}" completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#found )) && _describe -V covey found
  case $mode in
    files) _files ;;
    directories) _files -/ ;;
    programs) _command_names ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _covey "$@"
else
  compdef _covey covey
fi
)sh";
}

}  // namespace covey::cli
