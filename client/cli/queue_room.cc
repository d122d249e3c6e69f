#include "client/cli/queue_room.h"

#include <algorithm>
#include <chrono>

namespace covey::cli {

void FitIntoQueue(client::Client& client, TaskSource& source) {
  constexpr client::CallOptions kSoon{.timeout = std::chrono::seconds(10)};
  const Result<v1::GetServerInfoResponse> info = client.GetServerInfo(kSoon);
  if (!info.ok()) return;  // what is wrong, the submission will say
  for (const v1::Bound& bound : info.value().bounds()) {
    if (bound.key() == "max_queued" && bound.limit() > 0)
      source.Bound(static_cast<size_t>(std::max<uint64_t>(bound.limit() / 2, 1)));
  }
}

}  // namespace covey::cli
