#pragma once

#include <string_view>
#include <vector>

namespace covey {

// The one of `known` that `typed` most likely stands for: the nearest by letters added, dropped, changed or
// swapped, or one that it abbreviates; empty when none is near.
std::string_view Nearest(std::string_view typed, const std::vector<std::string_view>& known);

}  // namespace covey
