#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "covey/result.h"

namespace covey::cli {

// Reads the pieces of a JSON text (RFC 8259) one after the other, each from its first character. Errors say in which
// column what was expected and what stands there. The text must outlive it.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}

  // The next character that is no blank, which stays; 0 at the end.
  char Peek();
  // Takes the next character when it is `wanted`.
  bool Take(char wanted);
  // Takes what must come next, as in "':' is expected".
  Result<Void> Expect(char wanted);
  // A string, in UTF-8.
  Result<std::string> String();
  // A number as it is written, or true, false, null.
  Result<std::string_view> Word();

  // What comes next, for messages: a string, a number or a word as written (cut when it is long), "a list", "an object"
  // or "nothing".
  std::string Found();
  // That something else was expected here: "column 7: …".
  Error Expected(std::string_view what);

 private:
  Error At(size_t place, std::string_view what) const;
  Result<Void> Escape(std::string* out);
  Result<uint32_t> Hex();

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace covey::cli
