#include "client/cli/submit_detached.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "client/cli/exit_code.h"
#include "client/cli/text.h"
#include "core/base/mutex.h"

namespace covey::cli {
namespace {

using Clock = std::chrono::steady_clock;

// One detached submission. Run is for one thread, Interrupt for another.
class Submission {
 public:
  Submission(Session& session, client::Client client, TaskSource& source)
      : session_(session), client_(std::move(client)), source_(source) {}

  int Run(const v1::GroupSpec& spec);
  void Interrupt(int signal);

 private:
  // Calls until it succeeds, fails for good, or a signal came.
  template <typename Call>
  auto Insist(Call call) -> decltype(call());
  bool MayTryAgain(const Error& error, Clock::time_point give_up) const;
  // False when a signal came.
  bool Sleep(Clock::duration time);
  Result<Void> SendRest();
  int Fail(Error error, const TaskBatch& batch);
  int signal();

  Session& session_;
  client::Client client_;
  TaskSource& source_;
  v1::Group group_;  // without an id until it was made
  TaskBatch batch_;  // the one being sent

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
  const Result<v1::Group> created = Insist([&] { return client_.CreateGroup(request); });
  if (!created.ok()) return Fail(created.error(), batch_);
  group_ = created.value();

  const Result<Void> sent = SendRest();
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

Result<Void> Submission::SendRest() {
  while (!batch_.last && signal() == 0) {
    Result<TaskBatch> next = source_.NextBatch();
    if (!next.ok()) return next.error();
    batch_ = std::move(next.value());
    if (batch_.tasks.empty()) {  // the last one, and SubmitTasks takes no empty one
      if (signal() != 0) break;
      const Result<v1::Group> sealed = Insist([&] { return client_.SealGroup(group_.id()); });
      if (!sealed.ok()) return sealed.error();
      group_ = sealed.value();
      break;
    }
    v1::SubmitTasksRequest request;
    request.set_group_id(group_.id());
    request.set_request_id(client::NewRequestId());
    request.mutable_tasks()->Swap(&batch_.tasks);
    request.set_seal(batch_.last);
    const Result<v1::SubmitTasksResponse> submitted = Insist([&] { return client_.SubmitTasks(request); });
    if (!submitted.ok()) return submitted.error();
  }
  return Void{};
}

template <typename Call>
auto Submission::Insist(Call call) -> decltype(call()) {
  constexpr std::chrono::seconds kRestartTime{10};
  constexpr std::chrono::milliseconds kFirstPause{20};
  constexpr std::chrono::milliseconds kLongestPause{1'000};
  const Clock::time_point give_up = Clock::now() + kRestartTime;
  std::chrono::milliseconds pause = kFirstPause;
  while (true) {
    auto answer = call();
    if (answer.ok() || !MayTryAgain(answer.error(), give_up) || !Sleep(pause)) return answer;
    pause = std::min(pause * 2, kLongestPause);
  }
}

bool Submission::MayTryAgain(const Error& error, Clock::time_point give_up) const {
  if (error.code == ErrorCode::kResourceExhausted) return error.reason == "QUEUE_FULL";
  if (Clock::now() > give_up) return false;
  if (error.reason == "CONNECTION_LOST") return true;
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
  for (FieldViolation& violation : error.fields) violation.field = source_.FieldName(batch, violation.field);
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

}  // namespace covey::cli
