#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <thread>

#include "core/base/mutex.h"
#include "core/journal/journal.h"
#include "server/journal/data_directory.h"
#include "server/services/health.h"

namespace covey {

// Looks each second whether a daemon's data can still be kept, also while nothing is written: that the data
// directory is where it was, and that the journal, once it could not be written, can be again. What has
// changed goes to the health and to the log.
//
// Thread safety: construction and destruction from one thread.
class DataWatch {
 public:
  // `data` null: there is nothing to look at.
  DataWatch(std::shared_ptr<const DataDirectory> data, std::shared_ptr<Journal> journal, Health& health,
            std::shared_ptr<spdlog::logger> log);
  ~DataWatch();
  DataWatch(const DataWatch&) = delete;
  DataWatch& operator=(const DataWatch&) = delete;

 private:
  void Loop() COVEY_EXCLUDES(mutex_);
  void Look();

  const std::shared_ptr<const DataDirectory> data_;
  const std::shared_ptr<Journal> journal_;
  Health& health_;
  const std::shared_ptr<spdlog::logger> log_;

  Mutex mutex_;
  CondVar stopped_;
  bool stop_ COVEY_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace covey
