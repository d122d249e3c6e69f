#pragma once

#include "covey/result.h"
#include "covey/v1/group_service.pb.h"

namespace covey::cli {

// The exit codes of covey that do not come from a task; those of sysexits.h and of shells where they have
// one.
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitUnavailable = 69;
inline constexpr int kExitLostOutput = 74;  // EX_IOERR
inline constexpr int kExitTimeout = 124;
inline constexpr int kExitSignalBase = 128;  // + the number of the signal
inline constexpr int kExitInterrupted = 130;
inline constexpr int kExitPipe = 141;
inline constexpr int kExitTerminated = 143;

// How a group ended, as an exit code: 0 for success; 124 when the group's own timeout ended it; otherwise by
// its first failure, and by the failure of the group itself when no task failed.
int ExitCode(const v1::GroupResult& result);

// How a task ended: 0 for success, by its failure when it failed, 1 when it was stopped by the end of its
// group.
int ExitCode(const v1::Task& task);

// EXIT: its code (126 and 127 among them). SIGNAL: 128 + its number. TIMEOUT: 124. ERROR and PANIC: the code
// that the function chose when that is 1..255. Everything else, CANCELLED and LOST among it: 1.
int ExitCode(const v1::Failure& failure);

// UNAVAILABLE: 69. INVALID_ARGUMENT: 64. DEADLINE_EXCEEDED: 124. Everything else: 1.
int ExitCode(const Error& error);

}  // namespace covey::cli
