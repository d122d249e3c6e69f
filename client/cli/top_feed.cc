#include "client/cli/top_feed.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <thread>
#include <utility>

#include "core/base/check.h"
#include "core/base/mutex.h"

namespace covey::cli {

Result<TopSnapshot> TakeSnapshot(client::Client& client, int most_groups) {
  constexpr client::CallOptions kPatience{.timeout = std::chrono::seconds(5)};
  TopSnapshot snapshot;
  const Result<v1::GetServerInfoResponse> info = client.GetServerInfo(kPatience);
  if (!info.ok()) return info.error();
  snapshot.info = info.value();
  const Result<std::vector<v1::Pool>> pools = client.ListPools(kPatience);
  if (!pools.ok() && pools.error().code != ErrorCode::kUnimplemented) return pools.error();
  if (pools.ok()) snapshot.pools = pools.value();  // an older daemon has none to show
  v1::ListGroupsRequest request;
  request.set_page_size(most_groups);
  request.add_states(v1::GROUP_STATE_RUNNING);
  request.add_states(v1::GROUP_STATE_STOPPING);
  const Result<v1::ListGroupsResponse> groups = client.ListGroups(request, kPatience);
  if (!groups.ok()) return groups.error();
  snapshot.groups.assign(groups.value().groups().begin(), groups.value().groups().end());
  snapshot.time = std::chrono::steady_clock::now();
  return snapshot;
}

// Shared with the thread, which may outlive the feed.
class TopFeed::State {
 public:
  State(client::Client client, int most_groups)
      : client_(std::move(client)), most_groups_(most_groups), fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    COVEY_CHECK(fd_ >= 0);
  }
  ~State() { close(fd_); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void Run() COVEY_EXCLUDES(mutex_) {
    for (;;) {
      {
        const MutexLock lock(mutex_);
        while (!asked_ && !ended_) changed_.Wait(mutex_);
        if (ended_) return;
      }
      Result<TopSnapshot> taken = TakeSnapshot(client_, most_groups_);
      {
        const MutexLock lock(mutex_);
        asked_ = false;
        taken_ = std::move(taken);
      }
      const uint64_t one = 1;
      (void)!write(fd_, &one, sizeof(one));  // cannot fail: the counter is far from full
    }
  }
  void Ask() COVEY_EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      asked_ = true;
    }
    changed_.NotifyAll();
  }
  void End() COVEY_EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      ended_ = true;
    }
    changed_.NotifyAll();
  }
  std::optional<Result<TopSnapshot>> Next() COVEY_EXCLUDES(mutex_) {
    uint64_t count = 0;
    (void)!read(fd_, &count, sizeof(count));
    const MutexLock lock(mutex_);
    return std::exchange(taken_, std::nullopt);
  }
  bool busy() COVEY_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    return asked_;
  }
  int fd() const { return fd_; }

 private:
  client::Client client_;
  const int most_groups_;
  const int fd_;

  Mutex mutex_;
  CondVar changed_;
  bool asked_ COVEY_GUARDED_BY(mutex_) = false;
  bool ended_ COVEY_GUARDED_BY(mutex_) = false;
  std::optional<Result<TopSnapshot>> taken_ COVEY_GUARDED_BY(mutex_);
};

TopFeed::TopFeed(client::Client client, int most_groups)
    : state_(std::make_shared<State>(std::move(client), most_groups)) {
  std::thread([state = state_] { state->Run(); }).detach();
}

TopFeed::~TopFeed() { state_->End(); }

void TopFeed::Ask() { state_->Ask(); }
std::optional<Result<TopSnapshot>> TopFeed::Next() { return state_->Next(); }
int TopFeed::fd() const { return state_->fd(); }
bool TopFeed::busy() const { return state_->busy(); }

}  // namespace covey::cli
