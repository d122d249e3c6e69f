#include <algorithm>
#include <string>
#include <string_view>

#include "client/cli/command.h"
#include "client/cli/exit_code.h"
#include "client/cli/text.h"
#include "covey/version.h"

namespace covey::cli {
namespace {

constexpr size_t kLevelColumn = 9;
constexpr size_t kCheckColumn = 15;

struct Shown {
  std::string_view name;
  std::string_view color;
};

Shown Of(v1::FindingLevel level) {
  switch (level) {
    case v1::FINDING_LEVEL_OK:
      return {"ok", "32m"};
    case v1::FINDING_LEVEL_NOTE:
      return {"note", "36m"};
    case v1::FINDING_LEVEL_WARNING:
      return {"warning", "33m"};
    default:  // also what a later daemon finds worse
      return {"error", "31m"};
  }
}

std::string Padded(std::string_view text, size_t width) {
  std::string padded(text);
  padded.resize(std::max(width, padded.size() + 1), ' ');
  return padded;
}

std::string FindingText(const v1::Finding& finding, bool colors) {
  const Shown shown = Of(finding.level());
  std::string level = Padded(shown.name, kLevelColumn);
  if (colors) level = "\x1b[" + std::string(shown.color) + level + "\x1b[0m";
  std::string text =
      level + Padded(Printable(finding.check()), kCheckColumn) + Printable(finding.message()) + "\n";
  if (!finding.advice().empty())
    text += std::string(kLevelColumn + kCheckColumn, ' ') + Printable(finding.advice()) + "\n";
  return text;
}

// Of this program, which the daemon cannot know.
void AddVersions(const std::string& daemon, v1::DiagnoseResponse* diagnosis) {
  if (daemon == COVEY_VERSION) return;
  v1::Finding& finding = *diagnosis->add_findings();
  finding.set_level(v1::FINDING_LEVEL_NOTE);
  finding.set_check("versions");
  finding.set_message("this covey is " COVEY_VERSION ", the daemon is " + daemon);
  finding.set_advice("Install the same version of both where that is possible.");
}

int DoDoctor(Session& session, const Arguments&) {
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  Result<v1::DiagnoseResponse> asked = client.value().Diagnose();
  if (!asked.ok()) {
    Error error = asked.error();
    if (error.code == ErrorCode::kUnavailable && session.IsLocal())
      error.message += "; coveyd --doctor looks at its configuration and its data directory without it";
    return session.Fail(error);
  }
  v1::DiagnoseResponse& diagnosis = asked.value();
  if (const auto info = client.value().GetServerInfo(); info.ok())
    AddVersions(info.value().version(), &diagnosis);
  if (session.json()) {
    session.PrintJson(diagnosis);
  } else {
    for (const v1::Finding& finding : diagnosis.findings())
      session.Print(FindingText(finding, session.console().out_has_colors()));
  }
  const bool wrong =
      std::any_of(diagnosis.findings().begin(), diagnosis.findings().end(),
                  [](const auto& finding) { return finding.level() >= v1::FINDING_LEVEL_WARNING; });
  return session.ExitWith(wrong ? kExitFailure : 0);
}

}  // namespace

Command DoctorCommand() {
  return {
      .name = "doctor",
      .synopsis = "",
      .summary = "tells what is wrong with the daemon's place, and what to do",
      .details =
          "Lets the daemon look at its configuration, addresses and permissions, the data directory, its\n"
          "disk (file system, free space, how long a sync takes), descriptors and processes against the\n"
          "slots of the pools, cgroups, clock and versions, and at what retention will purge. Prints a\n"
          "line for each, and below what is not well what to do.\n"
          "\n"
          "Without a daemon, coveyd --doctor does the same with the flags and the file that it would be\n"
          "started with.",
      .examples =
          "covey doctor\n"
          "covey --output json doctor | jq '.findings[] | select(.level != \"FINDING_LEVEL_OK\")'",
      .exits =
          "0   nothing is wrong; there may be notes\n"
          "1   something is: a warning or an error\n"
          "69  the daemon is out of reach",
      .only_prints = true,
      .run = DoDoctor,
  };
}

}  // namespace covey::cli
