#pragma once

#include <string_view>

namespace covey::cli {

// What pueue, parallel, xargs, docker and kubectl call something, as covey calls it; empty for no such word.

// A command, with its options where it is one of several things that ours does.
std::string_view OurCommand(std::string_view theirs);
// The name of an option; theirs without its dashes.
std::string_view OurOption(std::string_view theirs);

}  // namespace covey::cli
