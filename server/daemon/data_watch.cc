#include "server/daemon/data_watch.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace covey {

DataWatch::DataWatch(std::shared_ptr<const DataDirectory> data, std::shared_ptr<Journal> journal,
                     Health& health, std::shared_ptr<spdlog::logger> log)
    : data_(std::move(data)), journal_(std::move(journal)), health_(health), log_(std::move(log)) {
  // What is a copy is never written, and told already.
  if (data_ != nullptr && !data_->copied()) thread_ = std::thread([this] { Loop(); });
}

DataWatch::~DataWatch() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stop_ = true;
    stopped_.NotifyAll();
  }
  thread_.join();
}

void DataWatch::Look() {
  const std::optional<Error> gone = data_->Refusal();
  if (health_.Set(Health::Reason::kDirectory, gone ? gone->message : std::string())) {
    if (gone) {
      log_->error("{}", gone->message);
    } else {
      log_->info("data directory {} is there again", data_->path());
    }
  }
  journal_->Probe([](const Result<Void>&) {});  // the journal tells what has changed
}

void DataWatch::Loop() {
  auto next = std::chrono::steady_clock::now();
  for (;;) {
    Look();
    next += std::chrono::seconds(1);
    MutexLock lock(mutex_);
    while (!stop_ && stopped_.WaitUntil(mutex_, next)) {
    }
    if (stop_) return;
  }
}

}  // namespace covey
