#pragma once

#include <chrono>
#include <string>

#include "covey/result.h"
#include "server/services/dispatcher.h"

// What the log is told of calls: what they asked for that somebody will ask about, and how they ended when that is
// worth a line. Each does nothing without a log.
namespace covey {

// `task` empty: the whole group. `reason`: the caller's.
void TellCancel(const CallContext& context, const edge::Call& call, const std::string& group,
                const std::string& task, const std::string& reason);
void TellDrain(const CallContext& context, const edge::Call& call);
void TellUndrain(const CallContext& context, const edge::Call& call);

// A call that ended by an error: at `warning` when the daemon is at fault, or a bound; at `debug` when nobody waits for
// the answer, or what was asked for is not there or there already; else at `info`. Of a malformed request it has the
// names of the fields, never what was in them.
void TellRefused(const CallContext& context, const edge::Call& call, const Error& error);
// A call that does not go on before tasks have left the queue.
void TellWaitsForRoom(const CallContext& context, const edge::Call& call);
void TellSlow(const CallContext& context, const edge::Call& call, std::chrono::nanoseconds took, int code);

}  // namespace covey
