#include "covey/runner.h"

#include <typeinfo>

#include "core/run/run_caught.h"

namespace covey {

std::string Runner::Name() const { return Demangle(typeid(*this).name()); }

std::string AsyncRunner::Name() const { return Demangle(typeid(*this).name()); }

std::string Func::Name() const { return name_.empty() ? Demangle(function_.target_type().name()) : name_; }

}  // namespace covey
