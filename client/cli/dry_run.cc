#include "client/cli/dry_run.h"

#include <atomic>
#include <string>

#include "client/cli/exit_code.h"
#include "client/cli/format.h"
#include "client/cli/reader_watch.h"

namespace covey::cli {

int DryRun(Session& session, TaskSource& source, Interrupts& interrupts) {
  std::atomic<int> caught = 0;
  interrupts.Start([&](int signal) {
    caught = signal;
    source.Stop();
  });
  const ReaderWatch reader(session.console().out_fd(), EndWithoutReader);
  int code = 0;
  for (bool last = false; !last && session.console().out_error() == 0;) {
    const Result<TaskBatch> batch = source.NextBatch();
    if (!batch.ok()) {
      code = session.Fail(batch.error());
      break;
    }
    std::string text;
    for (const v1::TaskSpec& task : batch.value().tasks) {
      if (session.json()) {
        session.PrintJson(task);
      } else {
        text += WorkText(task) + "\n";
      }
    }
    session.Print(text);
    last = batch.value().last;
  }
  interrupts.Stop();
  return caught != 0 ? kExitSignalBase + caught : session.ExitWith(code);
}

}  // namespace covey::cli
