#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/base/mutex.h"
#include "server/log/log.h"
#include "server/services/services.h"
#include "tests/server/edge/raw_client.h"
#include "tests/server/log/logged_lines.h"
#include "tests/support/engine_world.h"

namespace covey::testing {

// The services on a socket of their own, over the engine of a World.
class ServicesWorld {
 public:
  struct Options {
    void (*add)(Dispatcher&) = AddServices;  // gives the dispatcher its handlers
    std::chrono::nanoseconds slow = Dispatcher::kSlowCall;
    std::shared_ptr<NoOutput> output = std::make_shared<NoOutput>();
    std::shared_ptr<AnswerRoom> answers{};  // for messages of streams
    std::shared_ptr<Budget> requests{};     // bytes of messages that are being handled
    std::chrono::nanoseconds request_patience = kPatience;
    size_t resident_groups = 1'000;  // groups that are over and stay in memory
  };
  ServicesWorld() : ServicesWorld(Options()) {}
  explicit ServicesWorld(Options options);
  ~ServicesWorld();

  World& world() { return world_; }
  // Stops the server: handlers are told.
  void Stop() { server_->Shutdown(std::chrono::seconds(10)); }
  const CallStats& stats() const { return dispatcher_->stats(); }
  // What the log was told, as text without times.
  std::vector<std::string> logged() const { return lines_->All(); }
  std::vector<std::string> errors() COVEY_EXCLUDES(mutex_);

  template <class Request>
  edge::RawClient::Answer Call(const std::string& method, const Request& request) {
    return CallRaw(method, {edge::Bytes(request.SerializeAsString())});
  }
  edge::RawClient::Answer CallRaw(const std::string& method, const std::vector<grpc::ByteBuffer>& requests) {
    return edge::RawClient(address()).Call(method, requests);
  }
  std::string address() const { return "unix:" + directory_ + "/socket"; }

 private:
  World world_;
  std::string directory_;
  Mutex mutex_;
  std::vector<std::string> errors_ COVEY_GUARDED_BY(mutex_);
  const std::shared_ptr<LoggedLines> lines_ = std::make_shared<LoggedLines>();
  const std::shared_ptr<Log> log_ = Log::New(lines_->Output(), {});
  ServiceContext context_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<edge::Server> server_;
};

// How many calls of `method` ended with `code`.
uint64_t EndedWith(const CallStats& stats, std::string_view method, grpc::StatusCode code);

// The reason in the details of a status.
std::string ReasonOf(const grpc::Status& status);

// A task that the World's executor runs.
void SetTask(v1::TaskSpec* task);

// Looks until `condition` holds; false when kPatience has passed.
template <class Condition>
bool Eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace covey::testing
