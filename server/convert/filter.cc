#include <algorithm>

#include "server/convert/convert.h"

namespace covey {
namespace {

// The first instant in microseconds that is not before `time`, so that both bounds are exact. Never the
// epoch, which means no bound in a filter: no group is that old.
WallTime Bound(const google::protobuf::Timestamp& time) {
  WallTime bound = ToCore(time);
  if (time.nanos() % 1000 != 0) bound += std::chrono::microseconds(1);
  return bound == WallTime() ? bound - std::chrono::microseconds(1) : bound;
}

}  // namespace

GroupFilter ToCore(const v1::ListGroupsRequest& request) {
  GroupFilter filter;
  for (const int state : request.states()) {
    const GroupPhase phase = ToCore(static_cast<v1::GroupState>(state));
    if (std::find(filter.phases.begin(), filter.phases.end(), phase) == filter.phases.end()) {
      filter.phases.push_back(phase);
    }
  }
  filter.labels.assign(request.labels().begin(), request.labels().end());
  std::sort(filter.labels.begin(), filter.labels.end());
  filter.name_prefix = request.name_prefix();
  filter.id_prefix = request.id_prefix();
  filter.name = request.name();
  if (request.has_created_after()) filter.created_from = Bound(request.created_after());
  if (request.has_created_before()) filter.created_until = Bound(request.created_before());
  return filter;
}

}  // namespace covey
