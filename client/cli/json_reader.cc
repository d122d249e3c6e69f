#include "client/cli/json_reader.h"

#include <cctype>
#include <charconv>
#include <cstdint>

#include "client/cli/command_line.h"
#include "client/cli/text.h"

namespace covey::cli {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool IsWordPart(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("+-._").find(c) != std::string_view::npos;
}

void AppendUtf8(uint32_t c, std::string* out) {
  const auto add = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | c >> 6);
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3F));
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  }
}

}  // namespace

char JsonReader::Peek() {
  while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
  return at_ < text_.size() ? text_[at_] : '\0';
}

bool JsonReader::Take(char wanted) {
  if (Peek() != wanted) return false;
  ++at_;
  return true;
}

Result<Void> JsonReader::Expect(char wanted) {
  if (Take(wanted)) return Void{};
  return Expected("'" + std::string(1, wanted) + "'");
}

Result<std::string> JsonReader::String() {
  if (Peek() != '"') return Expected("a string");
  const size_t begin = at_++;
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return out;
    }
    if (static_cast<unsigned char>(c) < 0x20) {
      return At(at_, "a control character in a string is written as \\n, \\t or \\u0000, got " +
                         Printable({&c, 1}));
    }
    ++at_;
    if (c != '\\') {
      out += c;
    } else if (const Result<Void> escaped = Escape(&out); !escaped.ok()) {
      return escaped.error();
    }
  }
  return At(begin, "the string that begins here has no end");
}

Result<Void> JsonReader::Escape(std::string* out) {
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  const char letter = at_ < text_.size() ? text_[at_] : '\0';
  if (const size_t known = kLetters.find(letter); letter != '\0' && known != std::string_view::npos) {
    *out += kMeanings[known];
    ++at_;
    return Void{};
  }
  if (letter != 'u') return At(at_ - 1, "there is no such escape; a backslash is written as \\\\");
  const size_t begin = at_ - 1;
  ++at_;
  Result<uint32_t> unit = Hex();
  if (!unit.ok()) return unit.error();
  uint32_t c = unit.value();
  if (c >= 0xD800 && c < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
    at_ += 2;
    unit = Hex();
    if (!unit.ok()) return unit.error();
    if (unit.value() >= 0xDC00 && unit.value() < 0xE000)
      c = 0x10000 + (c - 0xD800) * 0x400 + (unit.value() - 0xDC00);
  }
  if (c >= 0xD800 && c < 0xE000) return At(begin, "half of a surrogate pair is no character");
  AppendUtf8(c, out);
  return Void{};
}

Result<uint32_t> JsonReader::Hex() {
  uint32_t value = 0;
  const std::string_view digits = text_.substr(at_, 4);
  const char* const end = digits.data() + digits.size();
  if (digits.size() < 4 || std::from_chars(digits.data(), end, value, 16).ptr != end)
    return At(at_, "four hexadecimal digits are expected behind \\u");
  at_ += 4;
  return value;
}

Result<std::string_view> JsonReader::Word() {
  Peek();
  size_t end = at_;
  while (end < text_.size() && IsWordPart(text_[end])) ++end;
  if (end == at_) return Expected("a value");
  const std::string_view word = text_.substr(at_, end - at_);
  at_ = end;
  return word;
}

std::string JsonReader::Found() {
  constexpr size_t kMostShown = 40;
  const char next = Peek();
  if (next == '\0' && at_ >= text_.size()) return "nothing";
  if (next == '[') return "a list";
  if (next == '{') return "an object";
  const size_t begin = at_;
  std::string found(1, next);
  if (next == '"') {
    found = String().ok() ? std::string(text_.substr(begin, at_ - begin)) : "\"";
  } else if (IsWordPart(next)) {
    found = std::string(Word().value());
  } else {
    while (at_ + 1 < text_.size() && (static_cast<uint8_t>(text_[at_ + 1]) & 0xC0) == 0x80)
      found += text_[++at_];
  }
  at_ = begin;
  return Cut(Printable(found), kMostShown);
}

Error JsonReader::Expected(std::string_view what) {
  const std::string found = Found();
  if (found == "nothing") return UsageError(std::string(what) + " is expected where the line ends");
  return At(at_, std::string(what) + " is expected, got " + found);
}

Error JsonReader::At(size_t place, std::string_view what) const {
  return UsageError("column " + std::to_string(Width(Printable(text_.substr(0, place))) + 1) + ": " +
                    std::string(what));
}

}  // namespace covey::cli
