#pragma once

#include <string>
#include <string_view>

namespace covey {

// `word` as a shell takes it for one word: in quotes when it needs them.
std::string ShellWord(std::string_view word);

}  // namespace covey
