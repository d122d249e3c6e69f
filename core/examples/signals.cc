// A server that ends in order: the signal ends the context, the context the group, and Wait the program.
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "covey/run.h"

int main() {
  const covey::Context stop = covey::SignalContext({SIGINT, SIGTERM});  // before there are threads
  covey::Group server(covey::Under{stop});
  server.Go([](const covey::Context& context) { context.Wait(); }, "accept");
  server.Go([](const covey::Context& context) { context.Wait(); }, "tick");
  ::kill(::getpid(), SIGTERM);  // as an operator would
  std::puts(server.Wait().ToString().c_str());
}
