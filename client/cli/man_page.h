#pragma once

#include <string>

namespace covey::cli {

// covey(1) from the table of commands, in the language of man pages (groff_man(7)).
std::string ManPage();

}  // namespace covey::cli
