#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/spec/output_sizes.h"
#include "server/services/dispatcher.h"
#include "server/services/output_position.h"

namespace covey {

// Where a relay sends to. Ends with the call's error when the call is over.
class OutputSink {
 public:
  virtual ~OutputSink() = default;
  // `position`: what was sent when this was.
  virtual Handled Send(const OutputKey& key, std::string task, OutputPiece piece,
                       const OutputPosition& position) = 0;
};

// Sends the output of a group's tasks as it comes, interleaved: each stream from its beginning, or from where an
// earlier relay was, in order, once. Belongs to the queue's thread. Every Send ends early when the sink's does.
class OutputRelay {
 public:
  struct Options {
    OutputPosition from;
    std::optional<OutputStream> only;  // of both streams
  };

  // `notify` is called from any thread when there is something to send.
  OutputRelay(const ServiceContext& context, GroupPtr group, OutputSink& sink, std::function<void()> notify,
              Options options);

  // What was written since the last time.
  Handled SendNew();
  // What is still owed of an attempt that has exited, with the word that nothing follows. `sizes`: what it wrote;
  // null when that is not known.
  Handled SendEnd(uint32_t task, uint32_t attempt, std::shared_ptr<const OutputSizes> sizes);
  // All that has exited up to this event was sent.
  void Pass(uint64_t event) { position_.after = event; }

  const OutputPosition& position() const { return position_; }

 private:
  class Dirty;

  OutputKey KeyOf(const StreamKey& stream) const;
  bool Wanted(OutputStream stream) const { return !only_ || *only_ == stream; }
  Handled SendStream(StreamKey stream);
  Handled SendStreamEnd(StreamKey stream, std::optional<uint64_t> size);
  Handled Send(StreamKey stream, OutputPiece piece);

  const ServiceContext& context_;
  const GroupPtr group_;
  OutputSink& sink_;
  const std::optional<OutputStream> only_;
  OutputPosition position_;
  const std::shared_ptr<Dirty> dirty_;
  std::shared_ptr<void> subscription_;
};

}  // namespace covey
