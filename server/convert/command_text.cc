#include <cstdint>

#include "core/text/shell_word.h"
#include "server/convert/convert.h"
#include "server/convert/utf8.h"

namespace covey {
namespace {

constexpr size_t kLongestCommand = 128;  // characters

// The bytes of the first `characters` of `text`, which is UTF-8.
size_t BytesOf(std::string_view text, size_t characters) {
  size_t bytes = 0;
  for (; bytes < text.size(); ++bytes) {
    const bool begins = (static_cast<uint8_t>(text[bytes]) & 0xC0) != 0x80;
    if (begins && characters-- == 0) break;
  }
  return bytes;
}

std::string Shortened(std::string text) {
  if (BytesOf(text, kLongestCommand) == text.size()) return text;
  text.resize(BytesOf(text, kLongestCommand - 1));
  return text + "…";
}

}  // namespace

std::string CommandText(const TaskSpec& spec) {
  if (const auto* function = std::get_if<FunctionSpec>(&spec.work)) return Shortened(function->name);
  if (const auto* opaque = std::get_if<OpaqueSpec>(&spec.work)) {
    const auto* field = v1::TaskSpec::descriptor()->FindFieldByNumber(static_cast<int>(opaque->kind));
    return field == nullptr ? "" : field->name();
  }
  std::string text;
  for (const std::string& argument : std::get<std::shared_ptr<const ProcessSpec>>(spec.work)->argv) {
    if (!text.empty()) text += ' ';
    // Of a long one only the beginning will be seen.
    text += ShellWord(std::string_view(argument).substr(0, BytesOf(argument, kLongestCommand)));
    if (text.size() > 4 * kLongestCommand) break;
  }
  return ToUtf8(Shortened(std::move(text)));
}

}  // namespace covey
