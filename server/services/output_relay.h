#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "core/spec/output_sizes.h"
#include "covey/output_stream.h"
#include "server/services/run_group.h"

namespace covey {

// Sends the output of a group's tasks to its RunGroup call: each stream from its beginning, in order, once. Says
// what the call has taken, which is what its tasks are paced by.
// Belongs to the queue's thread. Every Send ends early, with the call's error, when the call is over.
class OutputRelay {
 public:
  // `notify` is called from any thread when there is something to send.
  OutputRelay(const ServiceContext& context, RunCall& call, GroupPtr group, std::function<void()> notify);

  // What was written since the last time.
  Handled SendNew();
  // What is still owed of an attempt that has exited and wrote so much, with the word that nothing follows.
  Handled SendEnd(uint32_t task, uint32_t attempt, const OutputSizes& sizes);

 private:
  struct StreamKey {
    uint32_t task = 0;
    uint32_t attempt = 0;
    OutputStream stream = OutputStream::kStdout;
    auto operator<=>(const StreamKey&) const = default;
  };
  // What was sent of a stream.
  struct Sent {
    uint64_t offset = 0;
    bool end = false;
  };
  class Dirty;

  OutputKey KeyOf(const StreamKey& stream) const;
  Handled SendStream(StreamKey stream);
  Handled SendStreamEnd(StreamKey stream, uint64_t size);
  Handled Send(StreamKey stream, OutputPiece piece);

  const ServiceContext& context_;
  RunCall& call_;
  const GroupPtr group_;
  std::map<StreamKey, Sent> sent_;
  const std::shared_ptr<Dirty> dirty_;
  std::shared_ptr<void> subscription_;
};

}  // namespace covey
