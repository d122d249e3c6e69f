// Tasks by the stream: each line of the input is a shell command that is added to a group as it comes. A restart of
// the daemon in between is bridged, and no command is added twice.
//
//   upload_example GROUP

#include <cstdio>
#include <iostream>
#include <string>

#include "covey/client/client.h"

namespace {

int Complain(const covey::Error& error) {
  std::fprintf(stderr, "upload_example: %s\n", error.message.c_str());
  return 1;
}

int Run(covey::client::Client& client, const std::string& group) {
  const auto upload = client.SubmitTaskStream();
  covey::v1::SubmitTaskStreamRequest message;
  message.set_group_id(group);
  uint64_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    message.set_number(++number);
    message.clear_tasks();
    *message.add_tasks() = covey::client::Process({"sh", "-c", line});
    if (!upload->Write(message)) break;  // the end says why
  }
  const covey::Result<covey::v1::SubmitTaskStreamResponse> answer = upload->Finish();
  if (!answer.ok()) return Complain(answer.error());
  std::printf("%llu accepted\n", static_cast<unsigned long long>(answer.value().count()));
  if (!answer.value().has_failure()) return 0;
  return Complain({.message = answer.value().failure().message()});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: upload_example GROUP\n"), 64;
  covey::Result<covey::client::Client> client = covey::client::Client::Connect();
  if (!client.ok()) return Complain(client.error());
  return Run(client.value(), argv[1]);
}
