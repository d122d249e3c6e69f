#pragma once

#include <string>
#include <utility>
#include <vector>

namespace covey {

using Labels = std::vector<std::pair<std::string, std::string>>;  // sorted by key

}  // namespace covey
