#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/exit_code.h"
#include "client/cli/text.h"
#include "core/base/duration.h"

namespace covey::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{5};  // for one answer
constexpr std::chrono::milliseconds kPause{50};

// How a daemon that answers is.
struct Standing {
  std::vector<std::string> whys;  // it does not serve; empty: it does
};

// One call through the queues and the engine: a daemon that hangs there is not healthy, whatever else
// answers.
Result<Standing> Ask(const Session& session) {
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return client.error();
  const Result<v1::GetServerInfoResponse> info = client.value().GetServerInfo({.timeout = kPatience});
  if (info.ok()) {
    Standing standing;
    for (const std::string& why : info.value().not_serving()) standing.whys.push_back("not serving: " + why);
    if (info.value().draining()) standing.whys.emplace_back("draining: it takes no new groups");
    return standing;
  }
  Error error = info.error();
  if (error.code == ErrorCode::kDeadlineExceeded) {
    error.code = ErrorCode::kUnavailable;
    error.message = "the daemon has not answered for " + DurationText(kPatience);
  }
  return error;
}

int DoHealth(Session& session, const Arguments& arguments) {
  const Result<std::optional<std::chrono::nanoseconds>> wait = ReadDuration(arguments, "wait");
  if (!wait.ok()) return session.Fail(wait.error());
  constexpr std::chrono::nanoseconds kYear = std::chrono::hours(24 * 365);
  const Clock::time_point give_up =
      Clock::now() + std::min(wait.value().value_or(std::chrono::nanoseconds(0)), kYear);
  Result<Standing> standing = Ask(session);
  while (!(standing.ok() && standing.value().whys.empty()) && Clock::now() < give_up) {
    std::this_thread::sleep_for(kPause);
    standing = Ask(session);
  }
  if (!standing.ok()) return session.Fail(standing.error());
  const std::vector<std::string>& whys = standing.value().whys;
  if (session.json()) {
    // As grpc.health.v1.HealthCheckResponse.
    session.Print(whys.empty() ? "{\"status\":\"SERVING\"}\n" : "{\"status\":\"NOT_SERVING\"}\n");
  } else {
    if (whys.empty()) session.Print("serving\n");
    for (const std::string& why : whys) session.Print(Printable(why) + "\n");
  }
  return session.ExitWith(whys.empty() ? 0 : kExitFailure);
}

}  // namespace

Command HealthCommand() {
  return {
      .name = "health",
      .synopsis = "[--wait D]",
      .summary = "tells whether the daemon serves",
      .details =
          "Calls the daemon and exits as it is: for probes of containers, and for scripts that have to\n"
          "wait until it is up. An answer that takes longer than 5 s counts as none.",
      .examples = "covey health\ncovey health --wait 30s && covey run -- make",
      .exits =
          "0   it serves\n"
          "1   it takes no work: it drains, or its data directory cannot be written\n"
          "64  bad usage\n"
          "69  it is out of reach, or does not answer",
      .only_prints = true,
      .options = {{.name = "wait", .value = "D", .help = "try again until it serves, for that long"}},
      .run = DoHealth,
  };
}

}  // namespace covey::cli
