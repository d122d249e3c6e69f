#include "server/services/services.h"

#include <algorithm>

namespace covey {

void AddServices(Dispatcher& dispatcher) {
  AddAdminService(dispatcher);
  AddEventService(dispatcher);
  AddGroupService(dispatcher);
  AddPoolService(dispatcher);
  AddTaskService(dispatcher);
  COVEY_CHECK(dispatcher.complete());
}

std::vector<std::string> ServiceNames() {
  std::vector<std::string> names;
  for (const methods::Method& method : methods::kMethods) {
    std::string name(method.name.substr(1, method.name.rfind('/') - 1));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace covey
