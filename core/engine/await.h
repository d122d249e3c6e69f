#pragma once

#include <future>
#include <memory>
#include <utility>

#include "core/engine/recovery.h"

namespace covey {

// Blocks for one answer, or until the watcher has had enough.
template <typename T, typename Call>
Result<T> Await(const RecoveryWatcher& watcher, Call call) {
  auto promise = std::make_shared<std::promise<Result<T>>>();  // shared: the answer may come after that
  auto answer = promise->get_future();
  call([promise](Result<T> result) { promise->set_value(std::move(result)); });
  while (answer.wait_for(Recovery::kTellEvery) != std::future_status::ready) {
    if (watcher && !watcher({})) return RefusedByStop();
  }
  return answer.get();
}

}  // namespace covey
