#include "client/cli/command_line.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "client/cli/other_words.h"
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
  const std::string_view ours = OurOption(plain);
  const bool has_ours = std::find(names.begin(), names.end(), ours) != names.end();
  if (const std::string_view near = has_ours ? ours : Nearest(plain, names); !near.empty()) {
    message += "; did you mean --" + std::string(near) + "?";
  } else {
    message += "; see " + std::string(program) + " --help";
  }
  return UsageError(std::move(message));
}

// An option as it was typed, with a value that stands in the same argument.
struct TypedOption {
  const Option* option;
  std::string name;
  std::optional<std::string> value;
};

// What one argument has: "--name", "--name=VALUE", or letters, the last of which may have its value behind it: "-f",
// "-ft", "-n2", "-n=2".
Result<std::vector<TypedOption>> ReadOptions(std::string_view program, std::span<const Option> options,
                                             std::string_view argument) {
  const size_t equals = argument.find('=');
  const std::string_view name = argument.substr(0, equals);
  const auto behind = [argument](size_t at) { return std::string(argument.substr(at)); };
  std::vector<TypedOption> read;
  if (argument[1] == '-') {
    const Option* option = Find(options, name.substr(2));
    if (option == nullptr) return Unknown(program, options, name);
    read.push_back({option, std::string(name), {}});
    if (equals != std::string_view::npos) read.back().value = behind(equals + 1);
    return read;
  }
  // "-follow" is not meant as letters.
  if (name.size() > 2 && Find(options, name.substr(1)) != nullptr) return Unknown(program, options, name);
  for (size_t at = 1; at < argument.size();) {
    const Option* option = Find(options, argument[at]);
    if (option == nullptr) return Unknown(program, options, name);
    read.push_back({option, std::string("-") + argument[at], {}});
    ++at;
    if (at == argument.size() || (option->value.empty() && argument[at] != '=')) continue;
    read.back().value = behind(argument[at] == '=' ? at + 1 : at);
    break;
  }
  return read;
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
    const Result<std::vector<TypedOption>> read = ReadOptions(program, options, argument);
    if (!read.ok()) return read.error();
    for (const auto& [option, name, value] : read.value()) {
      std::vector<std::string>& values = arguments.options_[std::string(option->name)];
      if (!values.empty() && !option->repeated)
        return UsageError("--" + std::string(option->name) + " is given twice");
      if (option->value.empty()) {
        if (value) return UsageError(name + " takes no value");
        values.emplace_back();
      } else if (value) {
        values.push_back(*value);
      } else if (i + 1 < typed.size()) {
        values.push_back(typed[++i]);
      } else {
        return UsageError(name + " needs a value: " + name + " " + std::string(option->value));
      }
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
