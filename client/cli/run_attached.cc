#include "client/cli/run_attached.h"

#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/named_work.h"
#include "client/cli/ordered_output.h"
#include "client/cli/output_printer.h"
#include "client/cli/progress.h"
#include "client/cli/reader_watch.h"
#include "client/cli/text.h"
#include "core/base/mutex.h"
#include "core/base/plural.h"

namespace covey::cli {
namespace {

// The daemon ended the group: it lost the call, or stopped.
bool EndedByDaemon(const v1::Failure& failure) {
  return failure.message().starts_with("owner_lost") ||
         failure.message().starts_with("the daemon is stopping");
}

// One attached run. Four threads at most: this one reads and prints, `feeder_` writes tasks, `canceller_`
// makes the one CancelGroup call, and the one of Interrupts calls Interrupt.
//
// Invariants:
//   1. The group is cancelled at most once, for the first reason that came up, and as soon as its id is
//   known.
//   2. All threads have ended when Run returns.
class AttachedRun {
 public:
  AttachedRun(Session& session, client::Client client, TaskSource& source, OutputStyle style)
      : session_(session),
        client_(std::move(client)),
        source_(source),
        printer_(session.console(), style.raw ? OutputPrinter::Mode::kRaw : OutputPrinter::Mode::kNamed) {
    if (!style.keep_order) return;
    order_.emplace(OrderedOutput::Target{
        .print = [this](const v1::OutputChunk& chunk) { printer_.Print(chunk); },
        .end = [this](const std::string& task) { printer_.Flush(task); },
    });
  }

  int Run(const v1::GroupSpec& spec);
  void Interrupt(int signal);
  void OnReaderGone();

 private:
  void Start(const v1::GroupSpec& spec, TaskBatch* first);
  void Feed();
  void Handle(const v1::RunGroupResponse& message, Progress* progress);
  void Print(const v1::OutputChunk& chunk);
  // What the order could do, which is given up when that was not all.
  void Ordered(const Result<Void>& done);
  void Cancel(std::string reason);
  void SendCancelLocked() COVEY_REQUIRES(mutex_);
  int Report(const Result<v1::GroupResult>& result, TaskBatch* first);
  Error Named(Error error, const TaskBatch& first) COVEY_EXCLUDES(mutex_);
  void PrintResult(v1::GroupResult result);

  // Constant after construction, or used by the thread of Run alone.
  Session& session_;
  client::Client client_;
  TaskSource& source_;
  OutputPrinter printer_;
  std::optional<OrderedOutput> order_;  // when output is to keep it
  std::optional<Error> order_error_;
  uint64_t lost_ = 0;                             // bytes of output
  std::unique_ptr<client::AttachedGroup> group_;  // set before the other threads may use it
  std::thread feeder_;

  // Held for no call.
  Mutex mutex_;
  bool id_known_ COVEY_GUARDED_BY(mutex_) = false;
  std::string cancel_reason_ COVEY_GUARDED_BY(mutex_);  // empty: not cancelled
  int signal_ COVEY_GUARDED_BY(mutex_) = 0;
  bool reader_gone_ COVEY_GUARDED_BY(mutex_) = false;
  std::optional<Error> feed_error_ COVEY_GUARDED_BY(mutex_);
  std::vector<LineNumbers> sent_ COVEY_GUARDED_BY(mutex_);  // of each message behind the first
  std::thread canceller_ COVEY_GUARDED_BY(mutex_);
};

int AttachedRun::Run(const v1::GroupSpec& spec) {
  // Before there is a group, so that a bad first task starts nothing.
  Result<TaskBatch> first = source_.NextBatch();
  if (!first.ok()) return session_.Fail(first.error());
  {
    const MutexLock lock(mutex_);
    if (signal_ != 0) return kExitSignalBase + signal_;
  }
  Start(spec, &first.value());
  {
    Progress progress(session_.console());
    for (v1::RunGroupResponse message; group_->Next(&message);) Handle(message, &progress);
    if (order_) Ordered(order_->Finish());
    printer_.Flush();
  }
  const Result<v1::GroupResult> result = group_->Finish();
  source_.Stop();
  if (feeder_.joinable()) feeder_.join();
  std::thread canceller;
  {
    const MutexLock lock(mutex_);
    id_known_ = false;  // from here on Interrupt starts no thread
    canceller.swap(canceller_);
  }
  if (canceller.joinable()) canceller.join();
  return Report(result, &first.value());
}

void AttachedRun::Start(const v1::GroupSpec& spec, TaskBatch* first) {
  v1::RunGroupRequest message;
  *message.mutable_options()->mutable_spec() = spec;
  // Events serve the status line, JSON and the order, and tell when no more input is wanted; nobody else pays for them.
  message.mutable_options()->set_events(session_.json() || session_.console().err_is_terminal() || order_ ||
                                        !first->last);
  message.mutable_options()->set_output(true);
  *message.mutable_tasks() = std::move(first->tasks);
  group_ = client_.RunGroup(message);
  if (first->last) {
    group_->Seal();
  } else {
    feeder_ = std::thread([this] { Feed(); });
  }
}

void AttachedRun::Feed() {
  while (true) {
    Result<TaskBatch> batch = source_.NextBatch();
    if (!batch.ok()) {
      {
        const MutexLock lock(mutex_);
        feed_error_ = batch.error();
      }
      Cancel(batch.error().message);
      break;
    }
    if (!batch.value().tasks.empty()) {
      v1::RunGroupRequest message;
      *message.mutable_tasks() = std::move(batch.value().tasks);
      {
        const MutexLock lock(mutex_);
        sent_.push_back(std::move(batch.value().lines));
      }
      if (!group_->Add(message)) return;  // the call is over: the reading side knows why
    }
    if (batch.value().last) break;
  }
  group_->Seal();
}

void AttachedRun::Handle(const v1::RunGroupResponse& message, Progress* progress) {
  if (message.has_created()) {
    const MutexLock lock(mutex_);
    id_known_ = true;
    SendCancelLocked();
  }
  for (const v1::Event& event : message.events()) {
    progress->Count(event);
    // All that a task wrote came before its exit.
    if (order_) {
      Ordered(order_->Count(event));
    } else if (event.kind() == v1::EVENT_KIND_TASK_EXITED) {
      printer_.Flush(event.task());
    }
    if (event.kind() == v1::EVENT_KIND_GROUP_DECIDED) source_.Stop();  // it takes no more
  }
  lost_ += message.output().dropped();
  if (session_.json()) {
    session_.PrintJson(message);
  } else if (message.has_output()) {
    Print(message.output());
  }
  if (session_.console().out_error() != 0) Cancel("nobody reads the output");
}

void AttachedRun::Print(const v1::OutputChunk& chunk) {
  if (order_) {
    Ordered(order_->Write(chunk));
  } else {
    printer_.Print(chunk);
  }
}

void AttachedRun::Ordered(const Result<Void>& done) {
  if (done.ok()) return;
  order_error_ = done.error();
  (void)order_->Finish();  // what there is
  order_.reset();
  Cancel(order_error_->message);
}

void AttachedRun::Interrupt(int signal) {
  {
    const MutexLock lock(mutex_);
    signal_ = signal;
  }
  Cancel(signal == SIGINT ? "interrupted with Ctrl-C" : "terminated with SIGTERM");
  // The output may be stuck behind a reader that does not read.
  if (!session_.json()) session_.console().UrgentNote("cancelling; press Ctrl-C again to leave at once");
}

void AttachedRun::OnReaderGone() {
  {
    const MutexLock lock(mutex_);
    reader_gone_ = true;
  }
  Cancel("nobody reads the output");
}

void AttachedRun::Cancel(std::string reason) {
  source_.Stop();
  const MutexLock lock(mutex_);
  if (!cancel_reason_.empty()) return;
  cancel_reason_ = std::move(reason);
  SendCancelLocked();
}

void AttachedRun::SendCancelLocked() {
  if (!id_known_ || cancel_reason_.empty() || canceller_.joinable()) return;
  canceller_ = std::thread([this, reason = cancel_reason_] {
    constexpr size_t kLongestReason = 250;  // the contract takes 1024 bytes
    constexpr std::chrono::seconds kPatience{10};
    const Result<v1::Group> answer = group_->Cancel(Cut(reason, kLongestReason), {.timeout = kPatience});
    // The end of the call cancels the group as well, only that nobody then hears how its tasks end.
    if (!answer.ok()) group_->Abandon();
  });
}

int AttachedRun::Report(const Result<v1::GroupResult>& result, TaskBatch* first) {
  std::optional<Error> feed_error;
  int signal = 0;
  bool reader_gone = false;
  {
    const MutexLock lock(mutex_);
    reader_gone = reader_gone_;
    feed_error = feed_error_;
    signal = signal_;
  }
  if (feed_error) session_.Fail(*feed_error);
  if (order_error_) session_.Fail(*order_error_);
  int code = 0;
  if (result.ok()) {
    code = ExitCode(result.value());
    // Not when the group ended before the cancel.
    const bool cancelled = result.value().group().state() == v1::GROUP_STATE_CANCELLED;
    if (reader_gone && cancelled) code = kExitPipe;
    if (cancelled && EndedByDaemon(result.value().group().failure())) code = kExitUnavailable;
    if (!session_.json()) PrintResult(result.value());
  } else {
    code = session_.Fail(Named(result.error(), *first));
  }
  if (signal != 0) return kExitSignalBase + signal;
  if (feed_error) return ExitCode(*feed_error);
  if (code == 0 && lost_ > 0) {
    if (!session_.json())
      session_.console().Note(Plural(lost_, "byte of output was", "bytes of output were") + " lost");
    return session_.ExitWith(kExitLostOutput);
  }
  return session_.ExitWith(code);
}

// The fields by their lines: those of a message behind the first are "messages[3].tasks[0].name".
Error AttachedRun::Named(Error error, const TaskBatch& first) {
  constexpr std::string_view kMessages = "messages[";
  TaskBatch later;
  const TaskBatch* batch = &first;
  for (FieldViolation& violation : error.fields) {
    const std::string_view field = violation.field;
    const size_t close = field.find("].");
    size_t number = 1;
    if (!field.starts_with(kMessages) || close == std::string_view::npos) continue;
    std::from_chars(field.data() + kMessages.size(), field.data() + close, number);
    const MutexLock lock(mutex_);
    if (number < 2 || number - 2 >= sent_.size()) continue;
    later.lines = sent_[number - 2];
    batch = &later;
    violation.field = std::string(field.substr(close + 2));
  }
  NameFields(source_, *batch, &error);
  return error;
}

void AttachedRun::PrintResult(v1::GroupResult result) {
  constexpr int kMostFailures = 10;
  for (int i = 1; i < result.failures_size() && i < kMostFailures; ++i)
    NameWork(client_, group_->id(), result.mutable_failures(i));
  if (result.has_first_failure()) NameWork(client_, group_->id(), result.mutable_first_failure());
  Console& console = session_.console();
  for (int i = 1; i < result.failures_size() && i < kMostFailures; ++i) {
    console.Note(BlameText(result.failures(i)));
  }
  if (result.failures_size() > kMostFailures) {
    console.Note("… and " + Plural(result.failures_size() - kMostFailures, "more failure"));
  }
  // The end of its stderr was printed when it came; a stack was not.
  if (result.first_failure().kind() == v1::FAILURE_KIND_PANIC) {
    console.Err(Indented("  ", result.first_failure().detail()));
  }
  console.Note(ResultText(result));
}

}  // namespace

int RunAttached(Session& session, client::Client client, const v1::GroupSpec& spec, TaskSource& source,
                Interrupts& interrupts, OutputStyle style) {
  AttachedRun run(session, std::move(client), source, style);
  interrupts.Start([&run](int signal) { run.Interrupt(signal); }, [&session] { session.console().Leave(); });
  const ReaderWatch reader(session.console().out_fd(), [&run] { run.OnReaderGone(); });
  const int code = run.Run(spec);
  interrupts.Stop();
  return code;
}

}  // namespace covey::cli
