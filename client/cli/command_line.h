#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "covey/result.h"

namespace covey::cli {

// One option of a command: --name, or --name VALUE when `value` names one.
struct Option {
  std::string_view name;     // without the dashes
  char letter = 0;           // short form, or 0
  std::string_view value;    // "N", "D", …; empty for a switch; FILE, DIR and POOL are completed
  std::string_view choices;  // the values that it takes, one blank between; empty: not a list
  std::string_view help;     // one or more lines
  bool repeated = false;
  bool local = false;  // a path of this machine: any bytes; else values are UTF-8
};

// What was typed for one command.
class Arguments {
 public:
  bool Has(std::string_view option) const { return options_.contains(option); }
  // The value of an option that may be given once; nullopt when it was not given.
  std::optional<std::string> Get(std::string_view option) const;
  // The values of a repeated option in their order.
  std::vector<std::string> All(std::string_view option) const;
  // The words that are no options, those after "--" included.
  const std::vector<std::string>& words() const { return words_; }
  // How many of the words stood before "--"; all of them when there was none.
  size_t words_before_dashes() const { return words_before_dashes_; }
  bool has_dashes() const { return has_dashes_; }

 private:
  friend Result<Arguments> ParseArguments(std::string_view, std::span<const Option>,
                                          std::span<const std::string>, bool);
  std::map<std::string, std::vector<std::string>, std::less<>> options_;
  std::vector<std::string> words_;
  size_t words_before_dashes_ = 0;
  bool has_dashes_ = false;
};

// Sorts what was typed after `program` ("covey" or "covey run", for messages) into options and words. Options
// may stand anywhere before "--"; with `stop_at_word` the first word ends them, and it and all that follows
// are words. Values follow as the next argument or behind '=', those of letters at once as well, and letters
// may stand together: "-n2", "-ft". kInvalidArgument,
// reason USAGE, names the bad argument, one that is not UTF-8 among them, and the nearest option for an
// unknown one.
Result<Arguments> ParseArguments(std::string_view program, std::span<const Option> options,
                                 std::span<const std::string> typed, bool stop_at_word);

// A whole number in `least`..`most`, or an error that names `option`.
Result<uint64_t> ParseNumber(std::string_view option, std::string_view text, uint64_t least, uint64_t most);

// KEY=VALUE pairs into a map, or an error that names `option`; a key given twice is an error.
Result<std::map<std::string, std::string>> ParsePairs(std::string_view option,
                                                      const std::vector<std::string>& pairs);

// An error for bad usage: kInvalidArgument, reason USAGE.
Error UsageError(std::string message);

}  // namespace covey::cli
