#include "client/cli/markdown_page.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "client/cli/command.h"
#include "client/cli/help.h"

namespace covey::cli {
namespace {

std::string_view TakeTextLine(std::string_view* text) {
  const size_t end = std::min(text->find('\n'), text->size());
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return line;
}

// Text that Markdown shows as it is; what is in backquotes already stays so.
std::string Plain(std::string_view text) {
  std::string out;
  bool code = false;
  for (const char c : text) {
    if (c == '`') code = !code;
    if (!code && std::string_view("\\*_[]<>#|").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string Block(std::string_view language, std::string_view text) {
  std::string out = "```" + std::string(language) + "\n" + std::string(text);
  if (!out.ends_with('\n')) out += '\n';
  return out + "```\n";
}

// Lines that begin with two spaces stay as they are.
std::string Details(std::string_view text) {
  std::string out;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) out += "\n" + Block("text", literal) + "\n";
    literal.clear();
  };
  while (!text.empty()) {
    const std::string_view line = TakeTextLine(&text);
    if (line.starts_with("  ")) {
      literal += std::string(line.substr(2)) + "\n";
      continue;
    }
    flush();
    out += Plain(line) + "\n";
  }
  flush();
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

std::string OptionsList(std::span<const Option> options) {
  std::string out;
  for (const Option& option : options) {
    out += "- `";
    if (option.letter != 0) out += std::string("-") + option.letter + "`, `";
    out += "--" + std::string(option.name);
    if (!option.value.empty()) out += " " + std::string(option.value);
    out += "`: ";
    std::string_view help = option.help;
    bool first = true;
    while (!help.empty()) {
      if (!first) out += ' ';
      first = false;
      out += Plain(TakeTextLine(&help));
    }
    if (!option.choices.empty()) out += " (`" + std::string(option.choices) + "`)";
    out += "\n";
  }
  return out;
}

std::string CommandSection(const Command& command) {
  std::string usage = "covey " + std::string(command.name);
  if (!command.synopsis.empty()) usage += " " + std::string(command.synopsis);
  std::string out = "### covey " + std::string(command.name) + "\n\n" + Block("text", usage) + "\n" +
                    Details(command.details);
  if (!command.options.empty()) out += "\n" + OptionsList(command.options);
  out += "\nExamples:\n\n" + Block("console", command.examples);
  return out + "\nExit codes:\n\n" + Block("text", command.exits) + "\n";
}

}  // namespace

std::string MarkdownPage() {
  std::string out =
      "# The covey command line\n\n"
      "`covey help --markdown` prints this page, from the table that `covey help` and the manual page are "
      "made of; a test\n"
      "holds them equal.\n\n";
  out += Block("text", "covey [--address A] [--output text|json] COMMAND [ARGUMENTS]") + "\n";
  out += Details(TypedHelp()) + "\nOptions of every command, before or behind it:\n\n" +
         OptionsList(GlobalOptions());
  out += "- `--version`: the version of covey\n\n";
  for (const Topic& topic : Topics()) {
    out += "## " + std::string(topic.heading) + "\n\n" + Block("console", topic.examples) + "\n";
    for (const std::string_view name : topic.commands) out += CommandSection(*FindCommand(name));
  }
  out += "## Environment\n\n" + Block("text", EnvironmentHelp());
  out += "\n## Exit codes\n\n" + Block("text", ExitCodesHelp());
  return out;
}

}  // namespace covey::cli
