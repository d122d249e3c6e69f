#pragma once

#include <memory>
#include <optional>

#include "client/cli/top_view.h"
#include "covey/client/client.h"
#include "covey/result.h"

namespace covey::cli {

// What `top` shows, as the daemon tells it: its pools and at most `most_groups` groups. Blocks for 15 s at most.
Result<TopSnapshot> TakeSnapshot(client::Client& client, int most_groups);

// Takes snapshots on a thread of its own, so that a daemon that does not answer holds up no keys.
//
// Used by one thread. The thread goes on after the end of this when a call is under way: see busy.
class TopFeed {
 public:
  TopFeed(client::Client client, int most_groups);
  ~TopFeed();
  TopFeed(const TopFeed&) = delete;
  TopFeed& operator=(const TopFeed&) = delete;

  // Takes a snapshot, unless one is being taken.
  void Ask();
  // The snapshot that was taken since the last time, if any.
  std::optional<Result<TopSnapshot>> Next();
  // Readable when Next has one.
  int fd() const;
  // A snapshot is being taken. A program that ends then must not wait for it, nor take its libraries down under it.
  bool busy() const;

 private:
  class State;
  const std::shared_ptr<State> state_;
};

}  // namespace covey::cli
