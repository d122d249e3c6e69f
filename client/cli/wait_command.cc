#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/exit_code.h"
#include "client/cli/find.h"
#include "client/cli/format.h"
#include "client/cli/interrupts.h"
#include "client/cli/named_work.h"
#include "client/cli/target.h"
#include "client/cli/text.h"
#include "client/cli/waiting.h"
#include "core/base/duration.h"
#include "core/base/mutex.h"

namespace covey::cli {
namespace {

constexpr std::string_view kWaitDetails =
    "Waits until groups, or single tasks as GROUP/TASK, are over and nothing of them runs any\n"
    "more, and prints a line for each. A group that still takes tasks is sealed when its last\n"
    "unfinished task ends. Ctrl-C and --timeout end the waiting alone: the groups go on. A terminal\n"
    "shows meanwhile how far they are.";

constexpr std::string_view kWaitExamples =
    "covey wait $(covey run --detach -- make test)\n"
    "covey wait --timeout 30s 0190a4c2-5f7e-7c31-9d0e-3b1f5a6c7d8e\n"
    "covey wait G/resize\n"
    "covey --output json wait G1 G2 | jq .group.state";

constexpr std::string_view kWaitExits =
    "0      all of them succeeded\n"
    "124    --timeout passed, or the first failure was a timeout\n"
    "141    nobody reads standard output any more\n"
    "other  as `covey run` for the first of them, as they are named, that did not succeed";

using Clock = std::chrono::steady_clock;

// Waits under way at a time; the others begin when one of them has ended.
constexpr size_t kMostAtOnce = 100;

// The status line of what is waited for, on a terminal: looks twice a second how the groups stand. Lives as long as
// the line is to be shown.
class WaitProgress {
 public:
  WaitProgress(Console& console, client::Client client, const std::vector<Target>& targets)
      : console_(console), client_(std::move(client)), targets_(targets) {
    if (console_.err_is_terminal()) thread_ = std::thread([this] { Watch(); });
  }
  WaitProgress(const WaitProgress&) = delete;
  WaitProgress& operator=(const WaitProgress&) = delete;
  ~WaitProgress() {
    {
      const MutexLock lock(mutex_);
      stop_ = true;
    }
    stopped_.NotifyAll();
    if (thread_.joinable()) thread_.join();
    console_.SetStatus("");
  }

 private:
  void Watch() {
    constexpr std::chrono::milliseconds kPeriod{500};
    for (Clock::time_point next = begin_ + kPeriod;; next = Clock::now() + kPeriod) {
      {
        const MutexLock lock(mutex_);
        while (!stop_ && stopped_.WaitUntil(mutex_, next)) {
        }
        if (stop_) return;
      }
      if (const std::string line = Look(); !line.empty()) console_.SetStatus(line);
    }
  }

  // The first groups; a look at very many would cost the daemon more than it tells.
  std::string Look() {
    constexpr size_t kMostLooked = 20;
    constexpr client::CallOptions kSoon{.timeout = std::chrono::seconds(1)};
    v1::TaskCounts sum;
    size_t over = 0;
    const size_t looked = std::min(targets_.size(), kMostLooked);
    for (size_t i = 0; i < looked; ++i) {
      const Result<v1::Group> group = client_.GetGroup(targets_[i].group, kSoon);
      if (!group.ok()) return {};
      const v1::TaskCounts& tasks = group.value().tasks();
      if (client::IsOver(group.value())) ++over;
      sum.set_submitted(sum.submitted() + tasks.submitted());
      sum.set_running(sum.running() + tasks.running());
      sum.set_failed(sum.failed() + tasks.failed());
      sum.set_succeeded(sum.succeeded() + tasks.succeeded() + tasks.stopped());
    }
    std::string line = "[" + std::to_string(sum.succeeded() + sum.failed()) + "/" +
                       std::to_string(sum.submitted()) + "] running " + std::to_string(sum.running());
    if (sum.failed() > 0) line += ", " + std::to_string(sum.failed()) + " failed";
    if (looked > 1) line += ", " + std::to_string(over) + " of " + std::to_string(looked) + " groups over";
    return line + "  " + DurationText(Clock::now() - begin_);
  }

  Console& console_;
  client::Client client_;
  const std::vector<Target>& targets_;
  const Clock::time_point begin_ = Clock::now();

  Mutex mutex_;  // before the console's
  CondVar stopped_;
  bool stop_ COVEY_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

Error StillGoesOn(const std::string& name, std::string_view what) {
  Error error = WaitedEnough("the " + std::string(what) + " goes on");
  error.message.insert(0, name + ": ");
  return error;
}

// What a timeout of the call means.
Error Explained(const Error& error, const std::string& name, std::string_view what) {
  return error.code == ErrorCode::kDeadlineExceeded ? StillGoesOn(name, what) : error;
}

int WaitForTask(Session& session, client::Client& client, const Target& target,
                const client::CallOptions& call) {
  const std::string name = target.group + "/" + target.task;
  v1::WaitTaskRequest request;
  request.set_group_id(target.group);
  request.set_task(target.task);
  const client::CallOptions bounded = BoundWait(call, &request);
  const Result<v1::Task> task = client.WaitTask(request, bounded);
  if (!task.ok()) return session.Fail(Explained(task.error(), name, "task"));
  if (request.has_timeout() && !client::IsOver(task.value())) return session.Fail(StillGoesOn(name, "task"));
  if (session.json()) {
    session.PrintJson(task.value());
  } else {
    const v1::Failure& failure = task.value().failure();
    const bool failed = task.value().state() == v1::TASK_STATE_FAILED;
    const std::string work = failed ? WorkBehindName(task.value()) : "";
    session.Print(Printable(name) + work + " " + std::string(StateText(task.value().state())) +
                  (task.value().has_failure() ? ": " + FailureText(failure) : "") + "\n" +
                  Indented("  ", failure.detail()));
  }
  return ExitCode(task.value());
}

int WaitForGroup(Session& session, client::Client& client, const std::string& group,
                 const client::CallOptions& call) {
  v1::WaitGroupRequest request;
  request.set_group_id(group);
  request.set_seal_when_idle(true);
  const client::CallOptions bounded = BoundWait(call, &request);
  Result<v1::GroupResult> result = client.WaitGroup(request, bounded);
  if (!result.ok()) return session.Fail(Explained(result.error(), group, "group"));
  if (request.has_timeout() && !client::IsOver(result.value().group()))
    return session.Fail(StillGoesOn(group, "group"));
  if (session.json()) {
    session.PrintJson(result.value());
  } else {
    if (result.value().has_first_failure()) NameWork(client, group, result.value().mutable_first_failure());
    // In one piece, since other waits print as well.
    session.Print(Printable(group) + " " + ResultText(result.value()) + "\n" +
                  Indented("  ", result.value().first_failure().detail()));
  }
  return ExitCode(result.value());
}

int Wait(Session& session, client::Client client, const Target& target, const client::CallOptions& call) {
  return target.task.empty() ? WaitForGroup(session, client, target.group, call)
                             : WaitForTask(session, client, target, call);
}

// What is left of a time that began at `begin`.
client::CallOptions Rest(const client::CallOptions& call, Clock::time_point begin) {
  if (!call.timeout) return call;
  return {.timeout = std::max(*call.timeout - std::chrono::nanoseconds(Clock::now() - begin),
                              std::chrono::nanoseconds(0))};
}

int DoWait(Session& session, const Arguments& arguments) {
  for (const std::string& word : arguments.words()) {
    if (const auto typed = ParseTarget(word); !typed.ok()) return session.Fail(typed.error());
  }
  const Result<client::CallOptions> call = ReadTimeout(arguments);
  if (!call.ok()) return session.Fail(call.error());
  std::optional<Interrupts> interrupts;  // before the client starts threads
  if (session.console().err_is_terminal()) {
    // What ends the program leaves no status line behind.
    interrupts.emplace();
    interrupts->Start([&session](int signal) {
      session.console().SetStatus("");
      _exit(kExitSignalBase + signal);
    });
  }
  Result<client::Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.error());

  const Clock::time_point begin = Clock::now();
  int code = 0;  // of the first that was not found
  const std::vector<Target> targets =
      FindTargets(session, client.value(), arguments.words(), arguments.Has("all-named"), &code);
  if (targets.empty()) return code;
  std::vector<int> codes(targets.size());
  std::optional<WaitProgress> progress;
  progress.emplace(session.console(), client.value(), targets);
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < targets.size(); i = next++) {
      const client::CallOptions bounded = i < kMostAtOnce ? call.value() : Rest(call.value(), begin);
      codes[i] = Wait(session, client.value(), targets[i], bounded);
    }
  };
  std::vector<std::thread> others(std::min(targets.size(), kMostAtOnce) - 1);
  for (std::thread& other : others) other = std::thread(work);
  work();
  for (std::thread& other : others) other.join();
  progress.reset();
  const auto failed = std::find_if(codes.begin(), codes.end(), [](int ended) { return ended != 0; });
  return session.ExitWith(failed == codes.end() ? code : *failed);
}

}  // namespace

Command WaitCommand() {
  return {
      .name = "wait",
      .synopsis = "[--timeout D] GROUP[/TASK]...",
      .summary = "waits for groups or tasks and exits as they ended",
      .details = kWaitDetails,
      .examples = kWaitExamples,
      .exits = kWaitExits,
      .words = {.names = Names::kRunningTarget, .least = 1, .most = kAnyNumber, .what = "the id of a group"},
      .only_prints = true,
      .options = {TimeoutOption(), AllNamedOption()},
      .run = DoWait,
  };
}

}  // namespace covey::cli
