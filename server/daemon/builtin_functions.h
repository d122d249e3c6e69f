#pragma once

#include "covey/function_registry.h"

namespace covey {

// Functions to try things with:
//   covey.noop    does nothing
//   covey.echo    writes its payload to stdout and answers with it
//   covey.sleep   waits for the duration in its payload ("1.5s", "250ms"; default 1s), or until it is
//   cancelled covey.fail    fails with its payload as the message covey.panic   throws std::runtime_error
//   with its payload as the text
void RegisterBuiltinFunctions(FunctionRegistry* registry);

}  // namespace covey
