#pragma once

#include <string>

namespace covey::cli {

// All commands as one page of Markdown, made from the same table as help and manual page: client/docs/cli.md.
std::string MarkdownPage();

}  // namespace covey::cli
