#include "core/process/leftovers.h"

#include <unistd.h>

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/plural.h"
#include "core/process/owner.h"
#include "core/process/proc_fs.h"
#include "core/process/root_record.h"
#include "core/process/tree_tracker.h"

namespace covey {
namespace {

constexpr std::chrono::seconds kPatience(10);
constexpr std::chrono::milliseconds kPause(1);
constexpr size_t kMostReports = 20;
// How long before its death an owner may have written its record for the last time.
constexpr uint64_t kBeatSeconds = 2;

uint64_t TicksPerSecond() { return static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)); }

// One search. All processes are looked at again until nothing more is found; one whose environment cannot be read
// just now, since it executes a program, is looked at again by itself: on a busy machine there always is one.
class Search {
 public:
  explicit Search(const LeftoverSearch& wanted) : wanted_(wanted), self_(::getpid()), session_(::getsid(0)) {
    if (wanted.record.empty()) return;
    past_ = RootRecord::Read(wanted.record);
    if (past_ && past_->owner.Look() != Owner::Fate::kDead) past_.reset();
  }

  size_t Run() {
    const auto deadline = Clock::now() + kPatience;
    for (bool again = true; again && Clock::now() < deadline;) {
      again = Walk();
      for (int look = 0; look < kMostDoubts && !unclear_.empty() && Clock::now() < deadline; ++look) {
        std::this_thread::sleep_for(kPause);
        again = LookAgain() || again;
      }
      if (again) std::this_thread::sleep_for(kPause);
    }
    Report();
    return killed_.size();
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Key = std::pair<pid_t, uint64_t>;
  enum class Kind : uint8_t { kOther, kOurs, kForeign, kSuspect, kUnclear };

  // True: something was killed, or not seen; another walk may find more.
  bool Walk() {
    procfs::Missed missed;
    bool again = false;
    others_.clear();
    unclear_.clear();
    procfs::ForEachPid(
        [&](pid_t pid) {
          const std::optional<procfs::Stat> stat = procfs::ReadStat(pid, &missed);
          if (!stat || stat->dead() || pid == self_) return;
          again = LookAt(*stat, &missed) || again;
        },
        &missed);
    return again || missed.any;
  }

  // At those that had no environment.
  bool LookAgain() {
    procfs::Missed missed;
    bool again = false;
    for (const Key& key : std::exchange(unclear_, {})) {
      const std::optional<procfs::Stat> stat = procfs::ReadStat(key.first, &missed);
      if (stat && stat->start_ticks == key.second && !stat->dead()) again = LookAt(*stat, &missed) || again;
    }
    return again || missed.any;
  }

  // True: it was killed.
  bool LookAt(const procfs::Stat& stat, procfs::Missed* missed) {
    const Key key(stat.pid, stat.start_ticks);
    switch (KindOf(stat, missed)) {
      case Kind::kOurs:
        if (stat.session != session_) sessions_.insert(stat.session);
        if (procfs::KillExactly(stat.pid, stat.start_ticks, missed)) killed_.insert(key);
        return true;
      case Kind::kUnclear:
        // For a moment; but the file system of its program may hang.
        unclear_.insert(key);
        return false;
      case Kind::kForeign:
        foreign_.emplace(key, stat.name);
        return false;
      case Kind::kSuspect:
        others_.emplace(key, stat.name);
        return false;
      case Kind::kOther:
        return false;
    }
    return false;
  }

  Kind KindOf(const procfs::Stat& stat, procfs::Missed* missed) {
    // No session of a member has others in it: its root made it, or the member itself.
    if (sessions_.contains(stat.session) || IsInPastSession(stat)) return Kind::kOurs;
    const std::optional<std::string> environment = procfs::ReadEnvironment(stat, missed);
    if (!environment) return Kind::kUnclear;
    std::optional<std::string_view> token = procfs::FindVariable(*environment, wanted_.token_variable);
    if (!token || !token->starts_with(wanted_.token_prefix)) {
      return IsSuspect(stat, missed) ? Kind::kSuspect : Kind::kOther;
    }
    token->remove_prefix(wanted_.token_prefix.size());
    const std::optional<Owner> owner = Owner::Parse(token->substr(0, token->find(':')));
    switch (owner ? FateOf(*owner) : Owner::Fate::kUnknown) {
      case Owner::Fate::kAlive:
        return Kind::kOther;
      case Owner::Fate::kDead:
        return Kind::kOurs;
      case Owner::Fate::kUnknown:
        return Kind::kForeign;
    }
    return Kind::kOther;
  }

  Owner::Fate FateOf(const Owner& owner) {
    const auto known = fates_.find(owner.Text());
    if (known != fates_.end()) return known->second;
    return fates_.emplace(owner.Text(), owner.Look()).first->second;
  }

  // The root was alive when the record was last written, so until then nobody else could make a session of this
  // number: who is in it and started by then is the root's.
  bool IsInPastSession(const procfs::Stat& stat) const {
    if (!past_) return false;
    const auto root = past_->roots.find(stat.session);
    return root != past_->roots.end() && root->second <= stat.start_ticks &&
           stat.start_ticks <= past_->last_ticks;
  }

  // It started while the dead owner ran, in a session that is not ours, and its parent is older than that owner,
  // as the parent that an orphan is given; and it is in our cgroup, as what we start is.
  bool IsSuspect(const procfs::Stat& stat, procfs::Missed* missed) {
    if (!past_ || stat.session == session_ || stat.start_ticks < past_->owner.start_ticks ||
        stat.start_ticks > past_->last_ticks + kBeatSeconds * TicksPerSecond()) {
      return false;
    }
    const std::optional<procfs::Stat> parent = procfs::ReadStat(stat.parent, missed);
    if (!parent || parent->start_ticks > past_->owner.start_ticks || parent->session == stat.session) {
      return false;
    }
    if (cgroup_.empty()) cgroup_ = procfs::ReadFile("/proc/self/cgroup");
    return procfs::ReadFile(("/proc/" + std::to_string(stat.pid) + "/cgroup").c_str()) == cgroup_;
  }

  void Report() const {
    if (!wanted_.log) return;
    Tell(foreign_,
         " has the token of a task whose daemon lived in another pid namespace, so that it cannot be "
         "known to be dead; it is left alone");
    Tell(others_,
         " may be left of a task: it started while the daemon ran that was killed, and has lost its "
         "parent; nothing shows whose it is, so it is left alone");
  }

  void Tell(const std::map<Key, std::string>& processes, const char* what) const {
    size_t told = 0;
    for (const auto& [key, name] : processes) {
      if (told++ == kMostReports) {
        return wanted_.log(Plural(processes.size() - kMostReports, "more process", "more processes") +
                           " like these");
      }
      wanted_.log("process " + std::to_string(key.first) + " (" + name + ")" + what);
    }
  }

  const LeftoverSearch& wanted_;
  const pid_t self_;
  const pid_t session_;
  std::optional<RootRecord::Past> past_;
  std::string cgroup_;

  std::set<pid_t> sessions_;  // of members that were found
  std::set<Key> killed_;
  std::set<Key> unclear_;
  std::map<std::string, Owner::Fate> fates_;
  std::map<Key, std::string> foreign_;  // and their names
  std::map<Key, std::string> others_;   // of the last walk
};

}  // namespace

size_t KillLeftovers(const LeftoverSearch& search) {
  if (search.token_prefix.empty() || !procfs::IsOfOurNamespace()) return 0;
  return Search(search).Run();
}

}  // namespace covey
