// Tasks that do not outlive a block: left early, the scope cancels them and waits until they are gone.
//
//   scope_example SECONDS         runs two programs; Enter waits for them, the end of the input gives them up

#include <cstdio>
#include <string>

#include "covey/client/client.h"

namespace {

using covey::client::Process;

int Complain(const covey::Error& error) {
  std::fprintf(stderr, "scope_example: %s\n", error.message.c_str());
  return 1;
}

int Run(covey::client::Client& client, const std::string& seconds) {
  covey::Result<covey::client::Scope> opened = client.OpenScope();
  if (!opened.ok()) return Complain(opened.error());
  covey::client::Scope& scope = opened.value();
  for (const char* program : {"sleep", "sleep"}) {
    const covey::Result<covey::Void> sent = scope.Go(Process({program, seconds}));
    if (!sent.ok()) return Complain(sent.error());
  }
  if (std::getchar() != '\n') return 3;  // given up: nothing of the tasks is left when Run has returned

  const covey::Result<covey::v1::GroupResult> result = scope.Wait();
  if (!result.ok()) return Complain(result.error());
  std::printf("%u succeeded\n", result.value().group().tasks().succeeded());
  return result.value().group().state() == covey::v1::GROUP_STATE_SUCCEEDED ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  covey::Result<covey::client::Client> client = covey::client::Client::Connect();
  if (!client.ok()) return Complain(client.error());
  return Run(client.value(), argc > 1 ? argv[1] : "0.1");
}
