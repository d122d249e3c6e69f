// A client to be killed: opens one call of each kind, reads none of them, and waits.

#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "echo.grpc.pb.h"

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  using covey::test::edge::EchoRequest;
  using covey::test::edge::EchoResponse;
  using covey::test::edge::EchoService;
  const auto stub = EchoService::NewStub(grpc::CreateChannel(argv[1], grpc::InsecureChannelCredentials()));
  grpc::CompletionQueue queue;
  grpc::ClientContext echo_context;
  grpc::ClientContext repeat_context;
  grpc::ClientContext collect_context;
  grpc::ClientContext chat_context;
  EchoResponse response;
  const auto echo = stub->AsyncEcho(&echo_context, EchoRequest(), &queue);
  EchoResponse answer;
  grpc::Status status;
  echo->Finish(&answer, &status, nullptr);  // sends the request
  const auto repeat = stub->Repeat(&repeat_context, EchoRequest());
  const auto collect = stub->Collect(&collect_context, &response);
  const auto chat = stub->Chat(&chat_context);
  for (;;) pause();
}
