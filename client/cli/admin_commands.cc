// The commands about the daemon as a whole: drain, undrain and reload.

#include <string>

#include "client/cli/command.h"
#include "client/cli/table.h"
#include "client/cli/text.h"
#include "client/cli/waiting.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

int Drain(Session& session, const Arguments& arguments) {
  const Result<client::CallOptions> call = ReadTimeout(arguments);
  if (!call.ok()) return session.Fail(call.error());
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  v1::DrainRequest request;
  const client::CallOptions bounded = BoundWait(call.value(), &request);
  const Result<v1::DrainResponse> drained = client.value().Drain(request, bounded);
  const bool late = drained.ok() ? drained.value().running_groups() != 0
                                 : drained.error().code == ErrorCode::kDeadlineExceeded;
  if (late) return session.Fail(WaitedEnough("the daemon takes no groups and goes on draining"));
  if (!drained.ok()) return session.Fail(drained.error());
  if (session.json()) {
    session.PrintJson(v1::DrainResponse());
  } else {
    session.Print("drained: no group runs, and none is taken\n");
  }
  return session.ExitWith(0);
}

int Undrain(Session& session, const Arguments&) {
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<Void> undrained = client.value().Undrain();
  if (!undrained.ok()) return session.Fail(undrained.error());
  if (session.json()) {
    session.PrintJson(v1::UndrainResponse());
  } else {
    session.Print("the daemon takes groups\n");
  }
  return session.ExitWith(0);
}

void AddRows(const google::protobuf::RepeatedPtrField<v1::ConfigChange>& changes, std::string_view effect,
             Table* table) {
  const auto value = [](const std::string& text) { return text.empty() ? "-" : Printable(text); };
  for (const v1::ConfigChange& change : changes) {
    table->Add({Printable(change.key()), value(change.before()), value(change.after()), std::string(effect)});
  }
}

int Reload(Session& session, const Arguments&) {
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());
  const Result<v1::ReloadResponse> reloaded = client.value().Reload();
  if (!reloaded.ok()) return session.Fail(reloaded.error());
  if (session.json()) {
    session.PrintJson(reloaded.value());
    return session.ExitWith(0);
  }
  Table table({{.heading = "KEY"},
               {.heading = "BEFORE", .shrinks = true},
               {.heading = "AFTER", .shrinks = true},
               {.heading = "IN FORCE"}});
  AddRows(reloaded.value().changed(), "now", &table);
  AddRows(reloaded.value().needs_restart(), "after a restart", &table);
  session.Print(table.size() == 0 ? "nothing has changed\n" : table.Render(session.console().out_columns()));
  return session.ExitWith(0);
}

}  // namespace

Command DrainCommand() {
  return {
      .name = "drain",
      .synopsis = "[--timeout D]",
      .summary = "lets the daemon take no groups and waits for the running ones",
      .details =
          "Lets the daemon refuse new groups from now on, until covey undrain or its next start, and\n"
          "waits until the running ones have ended. Ctrl-C and --timeout end the waiting alone.",
      .examples = "covey drain --timeout 10m && systemctl restart coveyd",
      .exits =
          "0    no group runs any more\n"
          "1    somebody has taken the drain back\n"
          "64   bad usage\n"
          "69   the daemon is out of reach or was lost\n"
          "124  --timeout passed",
      .options = {TimeoutOption()},
      .run = Drain,
  };
}

Command UndrainCommand() {
  return {
      .name = "undrain",
      .synopsis = "",
      .summary = "lets the daemon take groups again after a drain",
      .details =
          "Takes covey drain back: the daemon takes new groups again, and who waits for the drain is told.\n"
          "Nothing happens when it does not drain.",
      .examples = "covey drain --timeout 10m || covey undrain",
      .exits =
          "0   the daemon takes groups\n"
          "69  the daemon is out of reach, or stops",
      .run = Undrain,
  };
}

Command ReloadCommand() {
  return {
      .name = "reload",
      .synopsis = "",
      .summary = "lets the daemon read its configuration again",
      .details =
          "Lets the daemon read its configuration file again and prints what is different: what is in\n"
          "force now, and what will be after a restart. A file with errors changes nothing.",
      .examples = "covey reload\ncovey --output json reload | jq .needsRestart",
      .exits =
          "0   read\n"
          "1   the daemon has no configuration file\n"
          "64  the file has errors\n"
          "69  the daemon is out of reach",
      .run = Reload,
  };
}

}  // namespace covey::cli
