#pragma once

#include <vector>

#include "core/output/output_store.h"
#include "covey/v1/types.pb.h"
#include "server/convert/convert.h"
#include "server/services/dispatcher.h"

namespace covey {

// Tasks as messages, with the sizes of their output: of one that runs as they are now, of one that has ended as
// its exit told. Those of an attempt that an earlier daemon has lost are told by its files alone, which are asked
// by a reader thread.
//
// Belongs to the queue's thread: Fill or AddSizes for each task, then Complete.
class TaskMessages {
 public:
  TaskMessages(const ServiceContext& context, View view) : context_(context), view_(view) {}

  // `message` must stay where it is until Complete has ended.
  void Fill(const TaskView& task, v1::Task* message);
  // The same of one that is filled but for its sizes.
  void AddSizes(const TaskView& task, v1::Task* message);
  // Until this has ended sizes may be missing.
  Handled Complete();

 private:
  struct Unsized {
    OutputKey key;
    v1::Task* message;
  };

  const ServiceContext& context_;
  const View view_;
  std::vector<Unsized> unsized_;
};

}  // namespace covey
