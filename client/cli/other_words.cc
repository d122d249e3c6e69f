#include "client/cli/other_words.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace covey::cli {
namespace {

using Word = std::pair<std::string_view, std::string_view>;  // theirs, ours

constexpr std::array kOtherCommands = {
    Word("add", "run --detach"), Word("clean", "prune"),    Word("describe", "show"),
    Word("exec", "run"),         Word("follow", "logs -f"), Word("get", "ps"),
    Word("inspect", "show"),     Word("kill", "cancel"),    Word("list", "ps"),
    Word("log", "logs"),         Word("ls", "ps"),          Word("parallel", "pools"),
    Word("remove", "delete"),    Word("rm", "delete"),      Word("status", "ps"),
    Word("stop", "cancel"),      Word("tail", "logs -f"),   Word("terminate", "cancel"),
    Word("version", "--version")};

constexpr std::array kOtherOptions = {Word("P", "limit"),
                                      Word("a", "file"),
                                      Word("arg-file", "file"),
                                      Word("d", "detach"),
                                      Word("e", "env"),
                                      Word("force", "yes"),
                                      Word("i", "stdin"),
                                      Word("interactive", "stdin"),
                                      Word("jobs", "limit"),
                                      Word("l", "label"),
                                      Word("max-procs", "limit"),
                                      Word("selector", "label"),
                                      Word("w", "cwd"),
                                      Word("workdir", "cwd"),
                                      Word("working-directory", "cwd")};

std::string_view OurWord(std::span<const Word> words, std::string_view theirs) {
  const auto found =
      std::find_if(words.begin(), words.end(), [theirs](const Word& word) { return word.first == theirs; });
  return found == words.end() ? std::string_view() : found->second;
}

}  // namespace

std::string_view OurCommand(std::string_view theirs) { return OurWord(kOtherCommands, theirs); }

std::string_view OurOption(std::string_view theirs) { return OurWord(kOtherOptions, theirs); }

}  // namespace covey::cli
