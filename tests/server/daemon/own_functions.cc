// A program that serves functions of its own, as server/daemon/daemon.h says: one that behaves, and one that
// does not.

#include <chrono>
#include <thread>

#include "covey/daemon.h"

int main(int argc, char** argv) {
  covey::FunctionRegistry functions;
  functions.Register("test.reverse", [](const covey::Context&, covey::FunctionCall& call) {
    const std::string text(call.payload.bytes.rbegin(), call.payload.bytes.rend());
    call.Write(text);
    call.SetResult({.bytes = text, .content_type = call.payload.content_type});
    return covey::Status::Ok();
  });
  functions.Register("test.stubborn", [](const covey::Context&, covey::FunctionCall&) {
    std::this_thread::sleep_for(std::chrono::hours(1));  // ignores its context
    return covey::Status::Ok();
  });
  return covey::RunDaemon(argc, argv, std::move(functions));
}
