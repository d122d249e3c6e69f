#include "client/cli/each_template.h"

#include <algorithm>
#include <array>
#include <utility>

namespace covey::cli {
namespace {

std::string_view LastPart(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Without the last '.' of the last part and what follows it: ".bashrc" has an extension alone.
std::string_view WithoutExtension(std::string_view path) {
  const size_t dot = path.rfind('.');
  const size_t slash = path.rfind('/');
  if (dot == std::string_view::npos || (slash != std::string_view::npos && dot < slash)) return path;
  return path.substr(0, dot);
}

// dirname(1).
std::string_view Folder(std::string_view path) {
  const auto trim = [](std::string_view text) {
    while (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
    return text;
  };
  path = trim(path);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return trim(path.substr(0, std::max<size_t>(slash, 1)));
}

constexpr std::array<std::string_view, 6> kPlaceholders = {"{}", "{.}", "{/}", "{//}", "{/.}", "{#}"};

std::string Meaning(std::string_view placeholder, std::string_view argument, uint64_t number) {
  if (placeholder == "{.}") return std::string(WithoutExtension(argument));
  if (placeholder == "{/}") return std::string(LastPart(argument));
  if (placeholder == "{//}") return std::string(Folder(argument));
  if (placeholder == "{/.}") return std::string(WithoutExtension(LastPart(argument)));
  if (placeholder == "{#}") return std::to_string(number);
  return std::string(argument);
}

// The placeholder at the front of `text`, or nothing.
std::string_view PlaceholderAt(std::string_view text) {
  const auto* const found = std::find_if(kPlaceholders.begin(), kPlaceholders.end(),
                                         [text](std::string_view one) { return text.starts_with(one); });
  return found == kPlaceholders.end() ? std::string_view() : *found;
}

bool HasPlaceholder(std::string_view word) {
  for (size_t at = 0; (at = word.find('{', at)) != std::string_view::npos; ++at) {
    if (!PlaceholderAt(word.substr(at)).empty()) return true;
  }
  return false;
}

}  // namespace

EachTemplate::EachTemplate(std::vector<std::string> words) : words_(std::move(words)) {
  if (std::none_of(words_.begin(), words_.end(), HasPlaceholder)) words_.emplace_back("{}");
}

std::vector<std::string> EachTemplate::Expand(std::string_view argument, uint64_t number) const {
  std::vector<std::string> expanded;
  expanded.reserve(words_.size());
  for (std::string_view word : words_) {
    std::string& out = expanded.emplace_back();
    for (size_t brace; (brace = word.find('{')) != std::string_view::npos;) {
      out.append(word.substr(0, brace));
      word.remove_prefix(brace);
      const std::string_view placeholder = PlaceholderAt(word);
      out.append(placeholder.empty() ? "{" : Meaning(placeholder, argument, number));
      word.remove_prefix(std::max<size_t>(placeholder.size(), 1));
    }
    out.append(word);
  }
  return expanded;
}

}  // namespace covey::cli
