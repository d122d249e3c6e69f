#include "client/cli/man_page.h"

#include <algorithm>
#include <string_view>

#include "client/cli/command.h"
#include "client/cli/help.h"
#include "core/text/roff.h"
#include "covey/version.h"

namespace covey::cli {
namespace {

std::string_view TakeLine(std::string_view* text) {
  const size_t end = std::min(text->find('\n'), text->size());
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return line;
}

// Paragraphs; lines that begin with two spaces stay as they are.
std::string Paragraphs(std::string_view text) {
  std::string out = ".PP\n";
  bool literal = false;
  while (!text.empty()) {
    const std::string_view line = TakeLine(&text);
    const bool indented = line.starts_with("  ");
    if (indented != literal) out += indented ? ".RS\n.nf\n" : ".fi\n.RE\n";
    literal = indented;
    if (line.empty()) {
      out += ".PP\n";
    } else {
      out += RoffText(indented ? line.substr(2) : line) + "\n";
    }
  }
  if (literal) out += ".fi\n.RE\n";
  return out;
}

std::string Literal(std::string_view text) {
  std::string out = ".RS\n.nf\n" + RoffText(text);
  if (!out.ends_with('\n')) out += '\n';
  return out + ".fi\n.RE\n";
}

std::string OptionsPart(std::span<const Option> options) {
  std::string out;
  for (const Option& option : options) {
    out += ".TP\n";
    if (option.letter != 0) out += "\\fB\\-" + std::string(1, option.letter) + "\\fR, ";
    out += "\\fB\\-\\-" + RoffText(option.name) + "\\fR";
    if (!option.value.empty()) out += " \\fI" + RoffText(option.value) + "\\fR";
    out += "\n" + RoffText(option.help) + "\n";
  }
  return out;
}

std::string CommandPart(const Command& command) {
  std::string out = ".SS covey " + RoffText(command.name);
  out += "\n.PP\n\\fBcovey " + RoffText(command.name) + "\\fR";
  if (!command.synopsis.empty()) out += " " + RoffText(command.synopsis);
  out += "\n" + Paragraphs(command.details) + OptionsPart(command.options);
  out += ".PP\nExamples:\n" + Literal(command.examples);
  return out + ".PP\nExit codes:\n" + Literal(command.exits);
}

}  // namespace

std::string ManPage() {
  std::string out =
      ".TH COVEY 1 \"\" \"covey " COVEY_VERSION
      "\" \"User Commands\"\n"
      ".SH NAME\ncovey \\- run groups of tasks that start, fail and are waited for together\n"
      ".SH SYNOPSIS\n\\fBcovey\\fR [\\fB\\-\\-address\\fR \\fIA\\fR] [\\fB\\-\\-output\\fR text|json] "
      "\\fICOMMAND\\fR [\\fIARGUMENTS\\fR]\n"
      ".SH DESCRIPTION\n";
  out += Paragraphs(
      "covey is the command line of coveyd(8), which runs groups of tasks: they start together,\n"
      "fail together, are cancelled together and are waited for together. When a wait returns,\n"
      "nothing of the group runs any more.");
  out += ".SH OPTIONS\nThese may stand before or behind every command.\n" + OptionsPart(GlobalOptions());
  out += ".TP\n\\fB\\-\\-version\\fR\nthe version of covey\n";
  out += ".SH WHAT IS TYPED" + Paragraphs(TypedHelp()).insert(0, "\n");
  out += ".SH COMMANDS\n";
  for (const Command& command : Commands()) out += CommandPart(command);
  out += ".SH ENVIRONMENT\n" + Literal(EnvironmentHelp());
  out += ".SH EXIT STATUS\n" + Literal(ExitCodesHelp());
  return out + ".SH SEE ALSO\n.BR coveyd (8)\n";
}

}  // namespace covey::cli
