#include "tests/server/services/services_testing.h"

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/check.h"
#include "proto/rpc_status.h"

namespace covey::testing {

ServicesWorld::ServicesWorld(Options options) {
  world_.output = options.output;
  world_.resident_groups = options.resident_groups;
  COVEY_CHECK(!world_.Open());
  std::string pattern = (std::filesystem::temp_directory_path() / "covey-services-XXXXXX").string();
  COVEY_CHECK(mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  FunctionRegistry functions;
  functions.Register("work", [](const Context&, FunctionCall&) { return Status::Ok(); });
  context_.engine = &world_.engine();
  context_.functions = std::make_shared<const FunctionRegistry>(std::move(functions));
  context_.readers = std::make_shared<ThreadSet>(std::chrono::seconds(1), TimerQueue::Default());
  context_.answers = options.answers;
  context_.requests = options.requests;
  context_.request_patience = options.request_patience;
  context_.log = log_;
  server_ = std::make_unique<edge::Server>(
      edge::ServerOptions{.addresses = {address()}, .log = [this](std::string_view line) {
                            MutexLock lock(mutex_);
                            errors_.emplace_back(line);
                          }});
  dispatcher_ = std::make_unique<Dispatcher>(*server_, context_, options.slow);
  options.add(*dispatcher_);
  COVEY_CHECK(server_->Start().ok());
}

ServicesWorld::~ServicesWorld() {
  Stop();
  server_.reset();
  context_.readers->Stop();
  std::filesystem::remove_all(directory_);
}

std::vector<std::string> ServicesWorld::errors() {
  MutexLock lock(mutex_);
  return errors_;
}

uint64_t EndedWith(const CallStats& stats, std::string_view method, grpc::StatusCode code) {
  for (const CallStats::Ended& row : stats.ended()) {
    if (row.method == method && row.code == code) return row.calls;
  }
  return 0;
}

std::string ReasonOf(const grpc::Status& status) {
  const auto details = rpc::Decode(status.error_details());
  return details && !details->error_infos.empty() ? details->error_infos[0].reason : "";
}

void SetTask(v1::TaskSpec* task) { task->mutable_function()->set_name("work"); }

}  // namespace covey::testing
