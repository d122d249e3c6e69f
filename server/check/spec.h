#pragma once

#include "server/check/collector.h"
#include "server/check/fields.h"

// Checks of what groups and tasks are made of.
namespace covey {

void CheckGroupSpec(const FieldPath& path, const v1::GroupSpec& spec, Collector& out);

void CheckTask(const FieldPath& path, const v1::TaskSpec& task, Collector& out);

// How many there are, not what they are. False: wrong.
bool CheckTaskCount(const FieldPath& path, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks,
                    Presence presence, Collector& out);

void CheckTasks(const FieldPath& path, const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks,
                Presence presence, Collector& out);

}  // namespace covey
