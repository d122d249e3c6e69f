#include "server/daemon/live_config.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <utility>

namespace covey {
namespace {

Error Invalid(const std::vector<ConfigProblem>& problems) {
  Error error{.code = ErrorCode::kInvalidArgument,
              .reason = "CONFIG_INVALID",
              .message = problems.front().Text(),
              .fields = {}};
  if (problems.size() > 1) {
    error.message += " (the first of " + std::to_string(problems.size()) + " problems)";
  }
  for (const ConfigProblem& problem : problems) {
    error.fields.push_back({problem.key.empty() ? problem.where : problem.key, problem.Text()});
  }
  return error;
}

}  // namespace

LogSettings LogSettingsOf(const Config& config) {
  LogSettings settings{
      .level = LogLevelOf(config.log.level).value_or(LogLevel::kInfo), .parts = {}, .json = config.log.json};
  for (const std::string& own : config.log.levels) {  // each of which was checked
    const size_t equals = own.find('=');
    const auto part = LogPartOf(own.substr(0, equals));
    const auto level = LogLevelOf(own.substr(equals + 1));
    if (part && level) settings.parts.insert_or_assign(*part, *level);
  }
  return settings;
}

void LiveConfig::SetParts(Parts parts) {
  MutexLock lock(mutex_);
  parts_ = std::move(parts);
}

Config LiveConfig::current() const {
  MutexLock lock(mutex_);
  return config_;
}

Config LiveConfig::in_force() const {
  Config config = start_;
  const Config now = current();
  config.pools = now.pools;
  config.retain = now.retain;
  return config;
}

LiveConfig::Compared LiveConfig::Compare() const {
  Compared compared;
  if (file().empty()) return compared;
  const ConfigResult read = LoadConfig(command_line_);
  for (const ConfigProblem& problem : read.problems) compared.problems.push_back(problem.Text());
  if (!read.loaded) return compared;
  for (const Setting& setting : Settings()) {
    if (!setting.live && setting.get(start_) != setting.get(read.loaded->config))
      compared.needs_restart.emplace_back(setting.key);
  }
  return compared;
}

Result<Reloaded> LiveConfig::Reload() {
  MutexLock lock(mutex_);
  Result<Reloaded> reloaded = ReloadLocked();
  spdlog::logger& log = *parts_.log->Of(LogPart::kDaemon);
  if (!reloaded.ok()) {
    log.warn("the configuration stays as it is: {}", reloaded.error().message);
    return reloaded;
  }
  const Reloaded& done = reloaded.value();
  log.info("read {} again: {} changed, {} at the next start", file(), done.changed.size(),
           done.needs_restart.size());
  const auto said = [](const std::string& value) { return value.empty() ? "nothing" : value; };
  for (const Reloaded::Change& change : done.changed)
    log.info("{} is {} now, was {}", change.key, said(change.after), said(change.before));
  for (const Reloaded::Change& change : done.needs_restart)
    log.warn("{} will be {} after a restart, is {}", change.key, said(change.after), said(change.before));
  return reloaded;
}

Result<Reloaded> LiveConfig::ReloadLocked() {
  if (file().empty()) {
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "NO_CONFIG_FILE",
                 .message = "this daemon is configured by its flags alone: there is no file to read again"};
  }
  ConfigResult read = LoadConfig(command_line_);
  if (!read.loaded) return Invalid(read.problems);
  const Config& next = read.loaded->config;  // with flags that still win
  if (const Status status = parts_.permit(next); !status.ok()) {
    (void)parts_.permit(config_);  // as it was
    return Error{.code = ErrorCode::kFailedPrecondition,
                 .reason = "CONFIG_NOT_APPLIED",
                 .message = std::string(status.message())};
  }

  Reloaded report;
  for (const Setting& setting : Settings()) {
    std::string before = setting.get(setting.live ? config_ : start_);
    std::string after = setting.get(next);
    if (before == after) continue;
    (setting.live ? report.changed : report.needs_restart)
        .push_back({std::string(setting.key), std::move(before), std::move(after)});
  }
  for (Reloaded::Change& change : PoolChangesLocked(next)) report.changed.push_back(std::move(change));

  config_ = next;
  parts_.log->Set(LogSettingsOf(config_));
  parts_.output->SetBounds({.head = config_.output_limit, .tail = config_.output_limit});
  parts_.engine->SetMaxQueued({.tasks = config_.max_queued, .bytes = config_.max_queued_bytes});
  if (parts_.retention != nullptr) parts_.retention->SetBounds(config_.retain);
  parts_.engine->pools().Configure(config_.pools);
  return report;
}

std::vector<Reloaded::Change> LiveConfig::PoolChangesLocked(const Config& next) const {
  std::vector<Reloaded::Change> changes;
  std::map<std::string, uint32_t> wanted;
  for (const PoolConfig& pool : next.pools) wanted.emplace(pool.name, pool.max);
  for (const PoolView& pool : parts_.engine->pools().List()) {
    const std::string before = pool.closing ? std::string() : std::to_string(pool.max);
    std::string after;
    if (const auto found = wanted.find(pool.name); found != wanted.end()) {
      after = std::to_string(found->second);
      wanted.erase(found);
    } else if (!pool.configured) {
      continue;  // made by CreatePool: not ours
    } else if (pool.name == PoolTable::kDefault) {
      after = std::to_string(PoolTable::kDefaultMax);
    }
    if (before != after) changes.push_back({"pools." + pool.name, before, after});
  }
  for (const auto& [name, max] : wanted) changes.push_back({"pools." + name, "", std::to_string(max)});
  std::sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  return changes;
}

}  // namespace covey
