// Ask three replicas, take the first answer; the others are cancelled, and have stopped.
#include <chrono>
#include <cstdio>
#include <string>

#include "covey/run.h"

covey::Result<std::string> Ask(const covey::Context& context, const char* replica, int milliseconds) {
  if (context.WaitFor(std::chrono::milliseconds(milliseconds))) return covey::Error{.message = "cancelled"};
  if (milliseconds < 5) return covey::Error{.message = "connection refused"};
  return std::string(replica);
}

int main() {
  const auto answer = covey::Any([](const covey::Context& context) { return Ask(context, "a", 5000); },
                                 [](const covey::Context& context) { return Ask(context, "b", 20); },
                                 [](const covey::Context& context) { return Ask(context, "c", 1); });
  std::printf("answered by %s\n", answer.ok() ? answer->c_str() : answer.status.ToString().c_str());
}
