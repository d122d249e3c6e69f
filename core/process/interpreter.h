#pragma once

#include <optional>
#include <string>

namespace covey {

// What a program needs that is not there: execve(2) says ENOENT of it as of the program itself.
//
// `program`: a path. Its interpreter (the first word behind `#!`), or the loader that an ELF file names, when the
// program is there and that is not, or may not be executed. Looks at what the interpreter needs in turn.
std::optional<std::string> MissingInterpreter(const std::string& program);

}  // namespace covey
