#include "client/cli/progress.h"

#include <string>

#include "core/base/duration.h"

namespace covey::cli {

Progress::Progress(Console& console) : console_(console) {
  if (console_.err_is_terminal()) thread_ = std::thread([this] { Draw(); });
}

Progress::~Progress() {
  {
    const MutexLock lock(mutex_);
    stop_ = true;
  }
  stopped_.NotifyAll();
  if (thread_.joinable()) thread_.join();
  console_.SetStatus("");
}

void Progress::Count(const v1::Event& event) {
  const MutexLock lock(mutex_);
  switch (event.kind()) {
    case v1::EVENT_KIND_TASK_SUBMITTED:
      ++submitted_;
      break;
    case v1::EVENT_KIND_TASK_STARTED:
      ++running_;
      break;
    case v1::EVENT_KIND_TASK_EXITED:
      if (running_ > 0) --running_;
      if (event.task_state() == v1::TASK_STATE_QUEUED) break;  // runs again
      ++done_;
      if (event.task_state() == v1::TASK_STATE_FAILED) ++failed_;
      break;
    case v1::EVENT_KIND_GROUP_DECIDED:
      stopping_ = true;
      done_ += event.stopped_tasks();
      break;
    default:
      break;
  }
}

void Progress::Draw() {
  constexpr std::chrono::milliseconds kPeriod{100};
  auto next = start_ + kPeriod;  // a group that is over at once shows nothing
  const MutexLock lock(mutex_);
  while (true) {
    while (!stop_ && stopped_.WaitUntil(mutex_, next)) {
    }
    if (stop_) return;
    next += kPeriod;
    std::string line = "[" + std::to_string(done_) + "/" + std::to_string(submitted_) + "] " +
                       (stopping_ ? "stopping " : "running ") + std::to_string(running_);
    if (failed_ > 0) line += ", " + std::to_string(failed_) + " failed";
    line += "  " + DurationText(std::chrono::steady_clock::now() - start_);
    console_.SetStatus(line);
  }
}

}  // namespace covey::cli
