#pragma once

#include <string>
#include <vector>

#include "server/services/dispatcher.h"

namespace covey {

// The services of covey.v1, each in its file: their handlers, added to the dispatcher.
void AddAdminService(Dispatcher& dispatcher);
void AddPrune(Dispatcher& dispatcher);  // of AdminService
void AddEventService(Dispatcher& dispatcher);
void AddGroupService(Dispatcher& dispatcher);
void AddPoolService(Dispatcher& dispatcher);
void AddTaskService(Dispatcher& dispatcher);

// All of them: one handler for each method of the contract.
void AddServices(Dispatcher& dispatcher);

// How full the bounds of retention are.
v1::Retention ToProto(const Retention::View& view);

// Their names, as in "covey.v1.GroupService".
std::vector<std::string> ServiceNames();

}  // namespace covey
