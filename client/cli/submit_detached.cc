#include "client/cli/submit_detached.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "client/cli/exit_code.h"
#include "client/cli/text.h"
#include "core/base/mutex.h"
#include "core/base/plural.h"

namespace covey::cli {
namespace {

using Clock = std::chrono::steady_clock;

// One submission: to a group of its own (Run), or to one that is there (RunTo). Both are for one thread,
// Interrupt is for another.
class Submission {
 public:
  Submission(Session& session, client::Client client, TaskSource& source)
      : session_(session), client_(std::move(client)), source_(source) {}

  int Run(const v1::GroupSpec& spec);
  int RunTo(const std::string& group, bool seal);
  void Interrupt(int signal);

 private:
  // Calls until it succeeds, fails for good, or a signal came.
  template <typename Call>
  auto Insist(Call call) -> decltype(call(client::CallOptions()));
  // `asked`: the daemon has asked to try again later.
  bool MayTryAgain(const Error& error, bool asked, Clock::time_point give_up) const;
  // False when a signal came.
  bool Sleep(Clock::duration time);
  // Sends batch after batch from the one in hand on; the last one seals with `seal`.
  Result<Void> SendAll(bool seal);
  Result<Void> SendRest();
  int Fail(Error error, const TaskBatch& batch);
  int signal();

  Session& session_;
  client::Client client_;
  TaskSource& source_;
  v1::Group group_;  // without an id until it was made
  TaskBatch batch_;  // the one being sent
  uint64_t accepted_ = 0;
  bool tells_batches_ = false;  // prints the answer to each batch as JSON

  // Held for no call.
  Mutex mutex_;
  CondVar interrupted_;
  int signal_ COVEY_GUARDED_BY(mutex_) = 0;
};

int Submission::Run(const v1::GroupSpec& spec) {
  Result<TaskBatch> first = source_.NextBatch();
  if (!first.ok()) return session_.Fail(first.error());
  if (signal() != 0) return kExitSignalBase + signal();
  batch_ = std::move(first.value());

  v1::CreateGroupRequest request;
  request.set_request_id(client::NewRequestId());
  *request.mutable_spec() = spec;
  request.mutable_tasks()->Swap(&batch_.tasks);
  request.set_seal(batch_.last);
  const Result<v1::Group> created =
      Insist([&](const client::CallOptions& options) { return client_.CreateGroup(request, options); });
  if (!created.ok()) return Fail(created.error(), batch_);
  group_ = created.value();

  Result<Void> sent = SendRest();
  if (!sent.ok() && sent.error().reason == "GROUP_DECIDED") {
    // How it has ended is for who waits for it to tell.
    if (!session_.json())
      session_.console().Note("group " + Printable(group_.id()) +
                              " is decided already; the rest is not submitted");
    sent = Void{};
  }
  if (signal() != 0 || !sent.ok()) {
    // Half a group is nothing that anybody asked for.
    const Result<v1::Group> cancelled = client_.CancelGroup(group_.id(), "its submission was given up", false,
                                                            {.timeout = std::chrono::seconds(10)});
    if (!cancelled.ok()) {
      session_.console().Note("group " + Printable(group_.id()) +
                              " could not be cancelled and may still run");
    }
    if (signal() != 0) return kExitSignalBase + signal();
    return Fail(sent.error(), batch_);
  }
  if (session_.json()) {
    session_.PrintJson(group_);
  } else {
    session_.Print(group_.id() + "\n");
  }
  return session_.ExitWith(0);
}

int Submission::RunTo(const std::string& group, bool seal) {
  group_.set_id(group);
  tells_batches_ = session_.json();
  Result<TaskBatch> first = source_.NextBatch();
  Result<Void> sent = Void{};
  if (first.ok()) {
    batch_ = std::move(first.value());
    sent = SendAll(seal);
  } else {
    sent = first.error();
  }
  const std::string count = Plural(accepted_, "task");
  const int caught = signal();
  if (sent.ok() && caught == 0) {
    if (!session_.json()) session_.Print(count + " submitted to " + Printable(group) + "\n");
    return session_.ExitWith(0);
  }
  const int code = caught != 0 ? kExitSignalBase + caught : Fail(sent.error(), batch_);
  const std::string reason = sent.ok() ? "" : sent.error().reason;
  if (session_.json()) return code;
  // Of its input alone the error has said all there is to say.
  if (accepted_ == 0 && !sent.ok() && sent.error().code == ErrorCode::kInvalidArgument) return code;
  const bool open = reason != "GROUP_DECIDED" && reason != "GROUP_SEALED" && reason != "GROUP_NOT_FOUND";
  session_.console().Note(count + " accepted by " + Printable(group) + (accepted_ == 0 ? "" : " before") +
                          (open ? "; it takes further ones" : "") +
                          (open && accepted_ > 0 ? ", but not these again" : ""));
  return code;
}

Result<Void> Submission::SendRest() {
  if (batch_.last || signal() != 0) return Void{};
  Result<TaskBatch> next = source_.NextBatch();
  if (!next.ok()) return next.error();
  batch_ = std::move(next.value());
  return SendAll(true);
}

Result<Void> Submission::SendAll(bool seal) {
  while (signal() == 0) {
    const bool sealing = seal && batch_.last;
    if (!batch_.tasks.empty()) {
      v1::SubmitTasksRequest request;
      request.set_group_id(group_.id());
      request.set_request_id(client::NewRequestId());
      request.mutable_tasks()->Swap(&batch_.tasks);
      request.set_seal(sealing);
      const Result<v1::SubmitTasksResponse> submitted =
          Insist([&](const client::CallOptions& options) { return client_.SubmitTasks(request, options); });
      if (!submitted.ok()) return submitted.error();
      accepted_ += submitted.value().count();
      if (tells_batches_) session_.PrintJson(submitted.value());
    } else if (sealing) {  // SubmitTasks takes no empty batch
      const Result<v1::Group> sealed =
          Insist([&](const client::CallOptions& options) { return client_.SealGroup(group_.id(), options); });
      if (!sealed.ok()) return sealed.error();
      group_ = sealed.value();
    }
    if (batch_.last) break;
    Result<TaskBatch> next = source_.NextBatch();
    if (!next.ok()) return next.error();
    batch_ = std::move(next.value());
  }
  return Void{};
}

template <typename Call>
auto Submission::Insist(Call call) -> decltype(call(client::CallOptions())) {
  constexpr std::chrono::seconds kRestartTime{10};
  constexpr std::chrono::milliseconds kFirstPause{20};
  constexpr std::chrono::milliseconds kLongestPause{1'000};
  constexpr std::chrono::seconds kLongestWait{60};
  const Clock::time_point give_up = Clock::now() + kRestartTime;
  std::chrono::milliseconds pause = kFirstPause;
  while (true) {
    std::optional<std::chrono::nanoseconds> after;  // the daemon may know better when it is worth while
    auto answer = call(client::CallOptions{.timeout = {}, .retry_after = &after});
    if (answer.ok() || !MayTryAgain(answer.error(), after.has_value(), give_up)) return answer;
    std::chrono::nanoseconds wait = after.value_or(pause);
    // Room may come with each task that starts: at first it is asked for more often than it is said.
    if (answer.error().reason == "QUEUE_FULL") wait = std::min<std::chrono::nanoseconds>(wait, pause);
    if (!Sleep(std::clamp<std::chrono::nanoseconds>(wait, kFirstPause, kLongestWait))) return answer;
    pause = std::min(pause * 2, kLongestPause);
  }
}

bool Submission::MayTryAgain(const Error& error, bool asked, Clock::time_point give_up) const {
  if (error.reason == "QUEUE_FULL") return true;  // as long as it takes
  if (Clock::now() > give_up) return false;
  if (asked) return true;
  if (error.reason == "CONNECTION_LOST" || error.reason == "SHUTTING_DOWN" || error.reason == "STARTING")
    return true;
  return error.reason == "UNREACHABLE" && !group_.id().empty();  // it was there a moment ago
}

bool Submission::Sleep(Clock::duration time) {
  const Clock::time_point end = Clock::now() + time;
  const MutexLock lock(mutex_);
  while (signal_ == 0) {
    if (!interrupted_.WaitUntil(mutex_, end)) return signal_ == 0;
  }
  return false;
}

int Submission::Fail(Error error, const TaskBatch& batch) {
  NameFields(source_, batch, &error);
  return session_.Fail(error);
}

void Submission::Interrupt(int signal) {
  {
    const MutexLock lock(mutex_);
    signal_ = signal;
  }
  interrupted_.NotifyAll();
  source_.Stop();
}

int Submission::signal() {
  const MutexLock lock(mutex_);
  return signal_;
}

}  // namespace

int SubmitDetached(Session& session, client::Client client, const v1::GroupSpec& spec, TaskSource& source,
                   Interrupts& interrupts) {
  Submission submission(session, std::move(client), source);
  interrupts.Start([&submission](int signal) { submission.Interrupt(signal); });
  const int code = submission.Run(spec);
  interrupts.Stop();
  return code;
}

int SubmitTo(Session& session, client::Client client, const std::string& group, bool seal, TaskSource& source,
             Interrupts& interrupts) {
  Submission submission(session, std::move(client), source);
  interrupts.Start([&submission](int signal) { submission.Interrupt(signal); });
  const int code = submission.RunTo(group, seal);
  interrupts.Stop();
  return code;
}

}  // namespace covey::cli
