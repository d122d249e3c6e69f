#include "server/daemon/builtin_functions.h"

#include <stdexcept>

#include "core/base/duration.h"

namespace covey {

void RegisterBuiltinFunctions(FunctionRegistry* registry) {
  registry->Register("covey.noop", [](const Context&, FunctionCall&) { return Status::Ok(); });
  registry->Register("covey.echo", [](const Context&, FunctionCall& call) {
    call.Write(call.payload.bytes);
    call.SetResult(call.payload);
    return Status::Ok();
  });
  registry->Register("covey.sleep", [](const Context& context, FunctionCall& call) -> Status {
    const std::string& text = call.payload.bytes;
    const auto duration = ParseDuration(text.empty() ? "1s" : text);
    if (!duration.ok()) return Status::Error("covey.sleep: payload " + duration.error().message);
    return context.WaitFor(duration.value()) ? context.cause() : Status::Ok();
  });
  registry->Register("covey.fail", [](const Context&, FunctionCall& call) {
    return Status::Error(call.payload.bytes.empty() ? "asked to fail" : call.payload.bytes);
  });
  registry->Register("covey.panic", [](const Context&, FunctionCall& call) -> Status {
    throw std::runtime_error(call.payload.bytes.empty() ? "asked to panic" : call.payload.bytes);
  });
}

}  // namespace covey
