#include "server/daemon/diagnosis.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/engine/sweep.h"
#include "server/daemon/open_files.h"
#include "server/doctor/judge.h"

namespace covey {
namespace {

constexpr int kExitWrong = 1;
constexpr size_t kOpenBeforeWork = 64;  // about what a daemon has open when nothing runs

doctor::RunningFacts Ask(const RunningDaemon& daemon) {
  doctor::RunningFacts facts{.process_control = daemon.supervisor.mechanism(),
                             .controllers = daemon.supervisor.controllers(),
                             .not_serving = daemon.health.whys(),
                             .draining = daemon.engine.draining()};
  const Retention::View view = daemon.retention.view();
  facts.over_groups = view.usage.ended_groups;
  facts.over_bytes = view.usage.ended_bytes;
  facts.purges_from = view.usage.purges_from;
  facts.set_aside = daemon.engine.set_aside();
  const WallTime at = std::max(daemon.engine.now(), view.usage.purges_from);
  if (const Result<Swept> due = Sweep(daemon.engine, Retention::BoundsAt(view.bounds, at)).Look(); due.ok()) {
    facts.due_groups = due.value().groups;
    facts.due_bytes = due.value().bytes;
  }
  return facts;
}

void AddOpenFiles(size_t open, doctor::Facts* facts) {
  const rlim_t limit = open_files::Limit();
  facts->machine.open_files = limit;
  facts->machine.processes_at_once = open_files::ProcessesAtOnce(limit, open);
}

}  // namespace

std::vector<Finding> Diagnose(const RunningDaemon& daemon) {
  ConfigResult in_force{.loaded = LoadedConfig{.config = daemon.live.in_force()}, .problems = {}};
  in_force.loaded->config.pools.clear();
  size_t processes = 0;
  for (const PoolView& pool : daemon.engine.pools().List()) {
    in_force.loaded->config.pools.push_back({pool.name, pool.max});
    processes += pool.running;
  }
  CommandLine command_line;
  command_line.config_file = daemon.live.file();
  doctor::Facts facts = doctor::Gather(command_line, in_force);
  facts.running = Ask(daemon);
  const LiveConfig::Compared compared = daemon.live.Compare();
  facts.config_problems = compared.problems;
  facts.running->needs_restart = compared.needs_restart;
  const size_t taken = processes * ProcessSupervisor::kDescriptorsEach;
  const size_t open = open_files::OpenNow();
  AddOpenFiles(open > taken ? open - taken : 0, &facts);
  return doctor::Judge(facts);
}

int DiagnosePlace(const CommandLine& command_line, const ConfigResult& configured, bool json) {
  doctor::Facts facts = doctor::Gather(command_line, configured);
  const auto is_default = [](const PoolConfig& pool) { return pool.name == PoolTable::kDefault; };
  std::vector<PoolConfig>& pools = facts.config.pools;
  if (std::none_of(pools.begin(), pools.end(), is_default))
    pools.push_back({std::string(PoolTable::kDefault), PoolTable::kDefaultMax});
  (void)open_files::Raise();
  AddOpenFiles(kOpenBeforeWork, &facts);
  const std::vector<Finding> findings = doctor::Judge(facts);
  std::string text;
  if (json) {
    (void)google::protobuf::util::MessageToJsonString(doctor::ToProto(findings), &text);
    text += '\n';
  } else {
    text = doctor::Text(findings);
  }
  const bool told = std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  return !told || doctor::IsWrong(findings) ? kExitWrong : 0;
}

}  // namespace covey
