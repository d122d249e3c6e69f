#pragma once

#include "covey/function_registry.h"

namespace covey {

// Runs coveyd with functions of one's own: the main of a program that links covey and serves them.
//
//   int main(int argc, char** argv) {
//     covey::FunctionRegistry functions;
//     functions.Register("images.resize", [](const covey::Context& context, covey::FunctionCall& call) {
//       …                              // return soon after context.done()
//       return covey::Status::Ok();
//     });
//     return covey::RunDaemon(argc, argv, std::move(functions));
//   }
//
// The built-in functions covey.* are added. Call it first thing in main, while the program has one thread: it
// blocks the signals that it waits for. Returns the exit code when the daemon has ended.
int RunDaemon(int argc, char** argv, FunctionRegistry functions = {});

}  // namespace covey
