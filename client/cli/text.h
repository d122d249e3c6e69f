#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace covey::cli {

// `text` with control bytes and what is no UTF-8 written as \n, \t, \x1b, …, so that a terminal only shows
// it.
std::string Printable(std::string_view text);

// The same, but line ends and tabs stay: for texts of many lines.
std::string PrintableLines(std::string_view text);

// Columns that printable UTF-8 takes on a terminal.
size_t Width(std::string_view printable);

// `printable` cut to `columns`, with … at its end when something is missing.
std::string Cut(std::string_view printable, size_t columns);

// True for well-formed UTF-8, which is all that the contract's strings can carry.
bool IsUtf8(std::string_view text);

// A JSON string, quotes included.
std::string JsonQuote(std::string_view text);

}  // namespace covey::cli
