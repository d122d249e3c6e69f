// What `covey run` makes of the number of a message.

#include <gtest/gtest.h>

#include <string>

#include "tests/client/cli/program.h"
#include "tests/client/fake_daemon.h"

namespace covey::cli {
namespace {

// The line of the file, whichever message took the task there.
TEST(CliMessageTest, ABadTaskOfALaterMessageIsNamedByItsLine) {
  client::FakeDaemon daemon;
  daemon.run_group = [](grpc::ServerContext*, client::RunGroupServerStream* stream) {
    v1::RunGroupRequest request;
    stream->Read(&request);
    v1::RunGroupResponse created;
    created.mutable_created()->set_id("g1");
    stream->Write(created);
    stream->Read(&request);
    return client::DetailedStatus(grpc::StatusCode::INVALID_ARGUMENT, "message 2: bad", "BAD_REQUEST",
                                  {{"messages[2].tasks[0].name", "name is taken"}});
  };
  std::string input;  // more tasks than one message has, however they were read
  for (int i = 0; i < 1500; ++i) input += "{\"function\":{\"name\":\"covey.noop\"}}\n";
  Program covey(daemon.address(), {"run", "-f", "-"}, {.input = input});
  EXPECT_EQ(covey.Wait(), 64);
  EXPECT_NE(covey.err().find("standard input:"), std::string::npos) << covey.err();
  EXPECT_EQ(covey.err().find("messages["), std::string::npos) << covey.err();
}

}  // namespace
}  // namespace covey::cli
