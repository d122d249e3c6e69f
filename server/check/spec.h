#pragma once

#include "server/check/collector.h"
#include "server/check/fields.h"

// Checks of what groups and tasks are made of.
namespace covey {

void CheckGroupSpec(const FieldPath& path, const v1::GroupSpec& spec, Collector& out);

// `first_of_group`: the first task will have index 0, so that the names of unnamed tasks are known and no
// explicit name may be one of them.
void CheckTasks(const FieldPath& path, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks,
                Presence presence, bool first_of_group, Collector& out);

}  // namespace covey
