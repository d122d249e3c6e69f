#include "core/text/shell_word.h"

#include <algorithm>
#include <cctype>

namespace covey {
namespace {

bool NeedsQuotes(std::string_view word) {
  return word.empty() || std::any_of(word.begin(), word.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) == 0 &&
                  std::string_view("%+,-./:=@_^").find(c) == std::string_view::npos;
         });
}

}  // namespace

std::string ShellWord(std::string_view word) {
  if (!NeedsQuotes(word)) return std::string(word);
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace covey
