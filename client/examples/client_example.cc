// Submits a group, watches what happens to it, and waits for its end:
//
//   client_example [FILE…]        hashes files, one process each; the daemon is found as `covey` finds it

#include <cstdio>
#include <string>

#include "covey/client/client.h"

namespace {

namespace v1 = covey::v1;
using covey::client::Client;

int Fail(const covey::Error& error) {
  std::fprintf(stderr, "client_example: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  covey::Result<Client> connected = Client::Connect();
  if (!connected.ok()) return Fail(connected.error());
  Client& client = connected.value();

  // The group lives in the daemon: it goes on when this program ends.
  v1::CreateGroupRequest request;
  request.set_request_id(covey::client::NewRequestId());  // a retry would make no second group
  request.mutable_spec()->set_name("client_example");
  request.mutable_spec()->set_limit(2);
  *request.add_tasks() = covey::client::Named("hello", covey::client::Function("covey.echo", "hello"));
  for (int i = 1; i < argc; ++i) *request.add_tasks() = covey::client::Process({"sha256sum", argv[i]});
  request.set_seal(true);
  const covey::Result<v1::Group> group = client.CreateGroup(request);
  if (!group.ok()) return Fail(group.error());

  // From the first event to the last; a stream that broke would go on after the last number seen.
  v1::StreamEventsRequest events;
  events.set_group_id(group.value().id());
  events.set_follow(true);
  const auto stream = client.StreamEvents(events);
  for (v1::StreamEventsResponse message; stream->Next(&message);) {
    for (const v1::Event& event : message.events()) {
      std::printf("%3d %s %s\n", static_cast<int>(event.number()), v1::EventKind_Name(event.kind()).c_str(),
                  event.task().c_str());
    }
  }
  if (const covey::Result<covey::Void> end = stream->Finish(); !end.ok()) return Fail(end.error());

  const covey::Result<v1::GroupResult> result = client.WaitGroup(group.value().id());
  if (!result.ok()) return Fail(result.error());
  if (result.value().has_first_failure()) {
    const v1::Failure& failure = result.value().first_failure();
    std::printf("task %s failed: %s\n%s", failure.task().c_str(), failure.message().c_str(),
                failure.detail().c_str());
    return 1;
  }
  std::printf("%u tasks succeeded\n", result.value().group().tasks().succeeded());
  return 0;
}
