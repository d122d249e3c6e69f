// The real coveyd over a unix socket, beside what bounds it in the same run: calls against gRPC's own health
// service in the same daemon (which does nothing but gRPC), a process task against bare posix_spawn. Measured
// in turns; medians of rounds.
//
//   rpc_bench [rounds]

#include <grpcpp/create_channel.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/security/credentials.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/check.h"
#include "covey/client/client.h"
#include "covey/v1/admin_service.grpc.pb.h"
#include "grpc/health/v1/health.pb.h"

namespace covey {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kRound{1000};

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

double Quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(share * static_cast<double>(values.size() - 1))];
}
double Median(const std::vector<double>& values) { return Quantile(values, 0.5); }

pid_t Spawn(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  COVEY_CHECK(posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), environ) == 0);
  return pid;
}

// coveyd on a folder of its own.
class Daemon {
 public:
  Daemon() {
    std::string pattern = (std::filesystem::temp_directory_path() / "covey-bench-XXXXXX").string();
    COVEY_CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    pid_ = Spawn({COVEYD, "--listen", address(), "--data-dir", folder_ + "/data", "--log-level", "error"});
    client::Client client = client::Client::Connect(address()).value();
    const auto give_up = Clock::now() + std::chrono::seconds(30);
    while (!client.GetServerInfo().ok()) {
      COVEY_CHECK(Clock::now() < give_up);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }
  ~Daemon() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  std::string address() const { return "unix:" + folder_ + "/s"; }

 private:
  std::string folder_;
  pid_t pid_ = -1;
};

// Calls a second of `threads` that call in a loop.
double Rate(int threads, const std::function<void()>& call) {
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> calls = 0;
  std::vector<std::thread> callers;
  const auto start = Clock::now();
  for (int i = 0; i < threads; ++i) {
    callers.emplace_back([&] {
      while (!stop) {
        call();
        ++calls;
      }
    });
  }
  std::this_thread::sleep_for(kRound);
  stop = true;
  for (std::thread& caller : callers) caller.join();
  return static_cast<double>(calls) / Seconds(Clock::now() - start);
}

class Bench {
 public:
  Bench(std::string address, int rounds)
      : rounds_(rounds),
        client_(client::Client::Connect(address).value()),
        channel_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())),
        admin_(v1::AdminService::NewStub(channel_)) {}

  void Calls() {
    for (const int threads : {1, 64}) {
      std::vector<double> health, info, groups;
      for (int i = 0; i < rounds_; ++i) {
        health.push_back(Rate(threads, [this] { Health(); }));
        info.push_back(Rate(threads, [this] { Info(); }));
        groups.push_back(Rate(threads, [this] { Group(); }));
      }
      const double base = Median(health);
      std::printf("%2d callers: gRPC's health service   %8.0f calls/s\n", threads, base);
      std::printf("%2d callers: GetServerInfo           %8.0f calls/s   %.2f of health\n", threads,
                  Median(info), Median(info) / base);
      std::printf("%2d callers: a durable group, waited %8.0f groups/s  (two calls each)\n", threads,
                  Median(groups));
    }
  }

  void Processes() {
    std::vector<double> spawned, attached;
    for (int i = 0; i < 100 * rounds_; ++i) {
      auto start = Clock::now();
      waitpid(Spawn({"/bin/true"}), nullptr, 0);
      spawned.push_back(1e6 * Seconds(Clock::now() - start));
      start = Clock::now();
      const auto group = client_.RunGroup(v1::RunGroupOptions(), {client::Process({"/bin/true"})});
      group->Seal();
      COVEY_CHECK(group->Finish().ok());
      attached.push_back(1e6 * Seconds(Clock::now() - start));
    }
    std::printf("posix_spawn of true                 %8.0f us p50, %.0f p99\n", Median(spawned),
                Quantile(spawned, 0.99));
    std::printf("RunGroup of true, durable           %8.0f us p50, %.0f p99   %.1f times\n", Median(attached),
                Quantile(attached, 0.99), Median(attached) / Median(spawned));
  }

  void Events() {
    constexpr int kBatches = 10;
    constexpr int kTasks = 5'000;  // of a batch; three events each
    v1::CreateGroupRequest create;
    const std::string id = client_.CreateGroup(create).value().id();
    for (int i = 0; i < kBatches; ++i) {
      v1::SubmitTasksRequest submit;
      submit.set_group_id(id);
      for (int j = 0; j < kTasks; ++j) *submit.add_tasks() = client::Function("covey.noop", "");
      submit.set_seal(i + 1 == kBatches);
      COVEY_CHECK(client_.SubmitTasks(submit).ok());
    }
    COVEY_CHECK(client_.WaitGroup(id).ok());
    std::vector<double> rates;
    for (int i = 0; i < rounds_; ++i) {
      v1::StreamEventsRequest request;
      request.set_group_id(id);
      const auto start = Clock::now();
      const auto stream = client_.StreamEvents(request);
      uint64_t events = 0;
      for (v1::StreamEventsResponse message; stream->Next(&message);) {
        events += static_cast<uint64_t>(message.events_size());
      }
      COVEY_CHECK(events >= uint64_t{3} * kBatches * kTasks);
      rates.push_back(static_cast<double>(events) / Seconds(Clock::now() - start));
    }
    std::printf("StreamEvents from the journal       %8.0f events/s\n", Median(rates));
  }

 private:
  // By hand: the contract's target has the messages of the health service alone.
  void Health() {
    static const grpc::internal::RpcMethod* const kCheck =
        new grpc::internal::RpcMethod("/grpc.health.v1.Health/Check", grpc::internal::RpcMethod::NORMAL_RPC);
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    grpc::health::v1::HealthCheckResponse response;
    const grpc::Status status =
        grpc::internal::BlockingUnaryCall<grpc::health::v1::HealthCheckRequest,
                                          grpc::health::v1::HealthCheckResponse, grpc::protobuf::MessageLite,
                                          grpc::protobuf::MessageLite>(channel_.get(), *kCheck, &context,
                                                                       request, &response);
    COVEY_CHECK(status.ok());
  }
  void Info() {
    grpc::ClientContext context;
    v1::GetServerInfoResponse response;
    COVEY_CHECK(admin_->GetServerInfo(&context, {}, &response).ok());
  }
  void Group() {
    v1::CreateGroupRequest create;
    *create.add_tasks() = client::Function("covey.noop", "");
    create.set_seal(true);
    const auto group = client_.CreateGroup(create);
    COVEY_CHECK(group.ok() && client_.WaitGroup(group.value().id()).ok());
  }

  const int rounds_;
  client::Client client_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace
}  // namespace covey

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  if (argc > 2 || rounds < 1) {
    std::fprintf(stderr, "usage: rpc_bench [rounds, at least 1]\n");
    return 64;
  }
  const covey::Daemon daemon;
  covey::Bench bench(daemon.address(), rounds);
  bench.Calls();
  bench.Processes();
  bench.Events();
  return 0;
}
