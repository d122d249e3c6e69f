#include "client/cli/command_line.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "client/cli/text.h"
#include "core/text/nearest.h"

namespace covey::cli {
namespace {

const Option* Find(std::span<const Option> options, std::string_view name) {
  for (const Option& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

const Option* Find(std::span<const Option> options, char letter) {
  for (const Option& option : options) {
    if (option.letter == letter) return &option;
  }
  return nullptr;
}

Error Unknown(std::string_view program, std::span<const Option> options, std::string_view typed) {
  std::vector<std::string_view> names;
  for (const Option& option : options) names.push_back(option.name);
  std::string message = "unknown option " + Printable(typed);
  const std::string_view plain = typed.substr(std::min(typed.find_first_not_of('-'), typed.size()));
  if (const std::string_view near = Nearest(plain, names); !near.empty()) {
    message += "; did you mean --" + std::string(near) + "?";
  } else {
    message += "; see " + std::string(program) + " --help";
  }
  return UsageError(std::move(message));
}

// The first of `choices`, which it takes away.
std::string_view TakeChoice(std::string_view* choices) {
  const size_t end = std::min(choices->find(' '), choices->size());
  const std::string_view choice = choices->substr(0, end);
  choices->remove_prefix(std::min(end + 1, choices->size()));
  return choice;
}

bool IsChoice(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    if (TakeChoice(&choices) == value) return true;
  }
  return false;
}

// "all, settled or any".
std::string ChoicesText(std::string_view choices) {
  std::string text(TakeChoice(&choices));
  while (!choices.empty()) {
    const std::string_view choice = TakeChoice(&choices);
    text += (choices.empty() ? " or " : ", ") + std::string(choice);
  }
  return text;
}

}  // namespace

std::optional<std::string> Arguments::Get(std::string_view option) const {
  const auto found = options_.find(option);
  if (found == options_.end()) return std::nullopt;
  return found->second.back();
}

std::vector<std::string> Arguments::All(std::string_view option) const {
  const auto found = options_.find(option);
  return found == options_.end() ? std::vector<std::string>() : found->second;
}

Result<Arguments> ParseArguments(std::string_view program, std::span<const Option> options,
                                 std::span<const std::string> typed, bool stop_at_word) {
  Arguments arguments;
  size_t i = 0;
  for (; i < typed.size(); ++i) {
    const std::string& argument = typed[i];
    if (argument == "--") {
      arguments.has_dashes_ = true;
      ++i;
      break;
    }
    if (argument.size() < 2 || argument[0] != '-') {  // "-" is a word: standard input
      if (stop_at_word) break;
      arguments.words_.push_back(argument);
      continue;
    }
    const bool is_long = argument[1] == '-';
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const Option* option = is_long            ? Find(options, std::string_view(name).substr(2))
                           : name.size() == 2 ? Find(options, name[1])
                                              : nullptr;
    if (option == nullptr) return Unknown(program, options, name);
    std::vector<std::string>& values = arguments.options_[std::string(option->name)];
    if (!values.empty() && !option->repeated)
      return UsageError("--" + std::string(option->name) + " is given twice");
    if (option->value.empty()) {
      if (equals != std::string::npos) return UsageError(name + " takes no value");
      values.emplace_back();
    } else if (equals != std::string::npos) {
      values.push_back(argument.substr(equals + 1));
    } else if (i + 1 < typed.size()) {
      values.push_back(typed[++i]);
    } else {
      return UsageError(name + " needs a value: " + name + " " + std::string(option->value));
    }
  }
  for (const Option& option : options) {
    for (const std::string& value : arguments.All(option.name)) {
      if (!option.local && !IsUtf8(value))
        return UsageError("--" + std::string(option.name) + " must be UTF-8, got " + Printable(value));
      if (!option.choices.empty() && !IsChoice(option.choices, value)) {
        return UsageError("--" + std::string(option.name) + " must be " + ChoicesText(option.choices) +
                          ", got " + (value.empty() ? "nothing" : Printable(value)));
      }
    }
  }
  arguments.words_before_dashes_ = arguments.words_.size();
  for (; i < typed.size(); ++i) arguments.words_.push_back(typed[i]);
  if (!arguments.has_dashes_) arguments.words_before_dashes_ = arguments.words_.size();
  for (size_t word = 0; word < arguments.words_.size() && !stop_at_word; ++word) {
    if (IsUtf8(arguments.words_[word])) continue;
    return UsageError("word " + std::to_string(word + 1) + " behind " + std::string(program) +
                      " must be UTF-8, got " + Printable(arguments.words_[word]));
  }
  return arguments;
}

Result<uint64_t> ParseNumber(std::string_view option, std::string_view text, uint64_t least, uint64_t most) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return UsageError("--" + std::string(option) + " must be " + std::to_string(least) + ".." +
                      std::to_string(most) + ", got " + (text.empty() ? "nothing" : Printable(text)));
  }
  return number;
}

Result<std::map<std::string, std::string>> ParsePairs(std::string_view option,
                                                      const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> map;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError("--" + std::string(option) + " must be KEY=VALUE, got " + Printable(pair));
    }
    if (!map.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second) {
      return UsageError("--" + std::string(option) + " gives " + Printable(pair.substr(0, equals)) +
                        " twice");
    }
  }
  return map;
}

Error UsageError(std::string message) {
  return {
      .code = ErrorCode::kInvalidArgument, .reason = "USAGE", .message = std::move(message), .fields = {}};
}

}  // namespace covey::cli
