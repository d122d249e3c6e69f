#pragma once

#include <string>
#include <string_view>

namespace covey {

// `text` so that roff, the language of manual pages (groff_char(7)), prints just that: no escapes, no hyphens
// made of minus signs, no requests at the beginning of a line.
std::string RoffText(std::string_view text);

}  // namespace covey
