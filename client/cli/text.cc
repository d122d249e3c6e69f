#include "client/cli/text.h"

#include <wchar.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

namespace covey::cli {
namespace {

struct CodePoint {
  uint32_t value;
  size_t bytes;  // 0: no UTF-8
};

// The code point at the front of `text`, which is not empty (RFC 3629: no surrogates, no overlong forms).
CodePoint Decode(std::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {0, 0};
  uint32_t value = first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {0, 0};
    value = value << 6 | (byte(i) & 0x3FU);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {0, 0};
  return {value, length};
}

// Control characters, and those that reorder what a terminal shows.
bool IsUnsafe(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

void AppendEscaped(std::string_view bytes, std::string* out) {
  for (const char c : bytes) {
    if (c == '\n') {
      out->append("\\n");
    } else if (c == '\t') {
      out->append("\\t");
    } else if (c == '\r') {
      out->append("\\r");
    } else {
      std::array<char, 8> hex{};
      std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<uint8_t>(c));
      out->append(hex.data());
    }
  }
}

std::string Escape(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint next = Decode(text);
    const size_t bytes = std::max<size_t>(next.bytes, 1);
    const bool kept = keep_lines && (text[0] == '\n' || text[0] == '\t');
    if (!kept && (next.bytes == 0 || IsUnsafe(next.value))) {
      AppendEscaped(text.substr(0, bytes), &out);
    } else {
      out.append(text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  return out;
}

size_t ColumnsOf(uint32_t code_point) {
  const int columns = wcwidth(static_cast<wchar_t>(code_point));
  return columns < 0 ? 1 : static_cast<size_t>(columns);
}

}  // namespace

std::string Printable(std::string_view text) { return Escape(text, false); }

std::string PrintableLines(std::string_view text) { return Escape(text, true); }

size_t Width(std::string_view printable) {
  size_t columns = 0;
  while (!printable.empty()) {
    const CodePoint next = Decode(printable);
    columns += next.bytes == 0 ? 1 : ColumnsOf(next.value);
    printable.remove_prefix(std::max<size_t>(next.bytes, 1));
  }
  return columns;
}

std::string Cut(std::string_view printable, size_t columns) {
  if (Width(printable) <= columns) return std::string(printable);
  if (columns == 0) return {};
  std::string out;
  size_t used = 0;
  while (!printable.empty()) {
    const CodePoint next = Decode(printable);
    const size_t bytes = std::max<size_t>(next.bytes, 1);
    const size_t needed = next.bytes == 0 ? 1 : ColumnsOf(next.value);
    if (used + needed + 1 > columns) break;
    used += needed;
    out.append(printable.substr(0, bytes));
    printable.remove_prefix(bytes);
  }
  return out + "…";
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const CodePoint next = Decode(text);
    if (next.bytes == 0) return false;
    text.remove_prefix(next.bytes);
  }
  return true;
}

std::string JsonQuote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const CodePoint next = Decode(text);
    const size_t bytes = std::max<size_t>(next.bytes, 1);
    if (next.bytes == 0) {
      out += "\\ufffd";
    } else if (text[0] == '"' || text[0] == '\\') {
      out += '\\';
      out += text[0];
    } else if (text[0] == '\n') {
      out += "\\n";
    } else if (next.value < 0x20 || next.value == 0x7F) {
      std::array<char, 8> hex{};
      std::snprintf(hex.data(), hex.size(), "\\u%04x", next.value);
      out += hex.data();
    } else {
      out.append(text.substr(0, bytes));
    }
    text.remove_prefix(bytes);
  }
  return out + "\"";
}

}  // namespace covey::cli
