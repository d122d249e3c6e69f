#pragma once

#include <string>
#include <vector>

#include "covey/v1/admin_service.pb.h"
#include "server/doctor/facts.h"
#include "server/doctor/finding.h"

namespace covey::doctor {

// What is to be said of the facts: one finding or more for each thing that was looked at. Pure.
std::vector<Finding> Judge(const Facts& facts);

v1::DiagnoseResponse ToProto(const std::vector<Finding>& findings);
// For people: a line each, with what to do below those that are not well.
std::string Text(const std::vector<Finding>& findings);
// A warning or an error is among them.
bool IsWrong(const std::vector<Finding>& findings);

}  // namespace covey::doctor
