#pragma once

#include <optional>

#include "core/run/group_impl.h"
#include "covey/context.h"

namespace covey {

// What a group has of contexts: made when it has a parent or a timeout, or when somebody asks for its own.
struct Group::Impl::Contexts {
  std::optional<Context> expiry;  // ends with the timeout
  std::optional<Context> own;     // what the tasks are given
  // Last: withdrawn first, which waits for a call under way.
  Context::Registration parent_done;
  Context::Registration expired;
  Context::Registration own_done;
};

}  // namespace covey
