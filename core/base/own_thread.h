#pragma once

#include <functional>
#include <thread>

namespace covey {

// A thread of the library. No signal that is meant for the program comes to it, so that `sigwait` in main and the
// program's handlers get them all; those of a fault do. Its niceness is that of the program's first thread, not that of
// whoever happened to start it, as far as the system allows. A program that it starts inherits the blocked signals.
// Throws std::system_error when the system has no thread to give.
std::thread StartOwnThread(std::function<void()> run);

}  // namespace covey
