// Runs a group for as long as a scope lives: whichever way the function is left, nothing of the group is
// left.
//
//   attached_example              the daemon is found as `covey` finds it

#include <cstdio>
#include <string>

#include "covey/client/client.h"

int main() {
  namespace v1 = covey::v1;
  using covey::client::Process;
  covey::Result<covey::client::Client> client = covey::client::Client::Connect();
  if (!client.ok()) {
    std::fprintf(stderr, "attached_example: %s\n", client.error().message.c_str());
    return 1;
  }
  v1::RunGroupOptions options;
  options.mutable_spec()->set_policy(v1::POLICY_ANY);  // the first success stops the rest
  options.set_output(true);
  const auto group = client.value().RunGroup(options, {Process({"sleep", "60"})});
  group->Add(Process({"echo", "first"}));
  group->Seal();
  for (v1::RunGroupResponse message; group->Next(&message);) {
    if (message.has_output()) std::printf("%s", message.output().data().c_str());
  }
  const covey::Result<v1::GroupResult> result = group->Finish();
  if (!result.ok()) {
    std::fprintf(stderr, "attached_example: %s\n", result.error().message.c_str());
    return 1;
  }
  return result.value().group().state() == v1::GROUP_STATE_SUCCEEDED ? 0 : 1;
}
