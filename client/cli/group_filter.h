#pragma once

#include <vector>

#include "client/cli/command_line.h"
#include "client/cli/when.h"
#include "covey/v1/group_service.pb.h"

namespace covey::cli {

// Options that choose groups: --label and --name, and for lists --state, --since and --before.
std::vector<Option> ChoosingOptions();
std::vector<Option> FilterOptions();

// What they say, checked. Without --state it asks for groups that are not over, with `all` for every group.
Result<v1::ListGroupsRequest> ReadFilter(const Arguments& arguments, bool all, WallClock::time_point now);

}  // namespace covey::cli
