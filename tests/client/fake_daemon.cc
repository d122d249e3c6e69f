#include "tests/client/fake_daemon.h"

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "core/base/check.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace covey::client {
namespace {

template <typename Hook, typename... Arguments>
grpc::Status Answer(const Hook& hook, Arguments... arguments) {
  if (!hook) return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "the test has no hook for it");
  return hook(arguments...);
}

using Context = grpc::ServerContext;

}  // namespace

class FakeDaemon::Groups final : public v1::GroupService::Service {
 public:
  explicit Groups(const FakeDaemon* daemon) : daemon_(daemon) {}

  grpc::Status RunGroup(Context* context, RunGroupServerStream* stream) override {
    return Answer(daemon_->run_group, context, stream);
  }
  grpc::Status CreateGroup(Context*, const v1::CreateGroupRequest* request,
                           v1::CreateGroupResponse* answer) override {
    return Answer(daemon_->create_group, std::cref(*request), answer);
  }
  grpc::Status SubmitTasks(Context*, const v1::SubmitTasksRequest* request,
                           v1::SubmitTasksResponse* answer) override {
    return Answer(daemon_->submit_tasks, std::cref(*request), answer);
  }
  grpc::Status SubmitTaskStream(Context*, grpc::ServerReader<v1::SubmitTaskStreamRequest>* reader,
                                v1::SubmitTaskStreamResponse* answer) override {
    return Answer(daemon_->submit_task_stream, reader, answer);
  }
  grpc::Status SealGroup(Context*, const v1::SealGroupRequest* request,
                         v1::SealGroupResponse* answer) override {
    return Answer(daemon_->seal_group, std::cref(*request), answer);
  }
  grpc::Status WaitGroup(Context*, const v1::WaitGroupRequest* request,
                         v1::WaitGroupResponse* answer) override {
    return Answer(daemon_->wait_group, std::cref(*request), answer);
  }
  grpc::Status CancelGroup(Context*, const v1::CancelGroupRequest* request,
                           v1::CancelGroupResponse* answer) override {
    return Answer(daemon_->cancel_group, std::cref(*request), answer);
  }
  grpc::Status GetGroup(Context*, const v1::GetGroupRequest* request, v1::GetGroupResponse* answer) override {
    return Answer(daemon_->get_group, std::cref(*request), answer);
  }
  grpc::Status DeleteGroup(Context*, const v1::DeleteGroupRequest* request,
                           v1::DeleteGroupResponse* answer) override {
    return Answer(daemon_->delete_group, std::cref(*request), answer);
  }
  grpc::Status ListGroups(Context*, const v1::ListGroupsRequest* request,
                          v1::ListGroupsResponse* answer) override {
    return Answer(daemon_->list_groups, std::cref(*request), answer);
  }

 private:
  const FakeDaemon* const daemon_;
};

class FakeDaemon::Tasks final : public v1::TaskService::Service {
 public:
  explicit Tasks(const FakeDaemon* daemon) : daemon_(daemon) {}

  grpc::Status GetTask(Context*, const v1::GetTaskRequest* request, v1::GetTaskResponse* answer) override {
    return Answer(daemon_->get_task, std::cref(*request), answer);
  }
  grpc::Status ListTasks(Context*, const v1::ListTasksRequest* request,
                         v1::ListTasksResponse* answer) override {
    return Answer(daemon_->list_tasks, std::cref(*request), answer);
  }
  grpc::Status ReadOutput(Context*, const v1::ReadOutputRequest* request,
                          grpc::ServerWriter<v1::ReadOutputResponse>* writer) override {
    return Answer(daemon_->read_output, std::cref(*request), writer);
  }

 private:
  const FakeDaemon* const daemon_;
};

class FakeDaemon::Events final : public v1::EventService::Service {
 public:
  explicit Events(const FakeDaemon* daemon) : daemon_(daemon) {}

  grpc::Status StreamEvents(Context* context, const v1::StreamEventsRequest* request,
                            grpc::ServerWriter<v1::StreamEventsResponse>* writer) override {
    return Answer(daemon_->stream_events, context, std::cref(*request), writer);
  }

 private:
  const FakeDaemon* const daemon_;
};

class FakeDaemon::Admin final : public v1::AdminService::Service {
 public:
  explicit Admin(const FakeDaemon* daemon) : daemon_(daemon) {}

  grpc::Status GetServerInfo(Context*, const v1::GetServerInfoRequest* request,
                             v1::GetServerInfoResponse* answer) override {
    return Answer(daemon_->get_server_info, std::cref(*request), answer);
  }
  grpc::Status Drain(Context*, const v1::DrainRequest* request, v1::DrainResponse* answer) override {
    return Answer(daemon_->drain, std::cref(*request), answer);
  }

 private:
  const FakeDaemon* const daemon_;
};

FakeDaemon::FakeDaemon()
    : groups_(std::make_unique<Groups>(this)),
      tasks_(std::make_unique<Tasks>(this)),
      events_(std::make_unique<Events>(this)),
      admin_(std::make_unique<Admin>(this)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "covey-client-XXXXXX").string();
  COVEY_CHECK(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
  socket_ = folder_ + "/sock";
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address(), grpc::InsecureServerCredentials());
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // as coveyd: a window update could be 10 s late
  builder.RegisterService(groups_.get());
  builder.RegisterService(tasks_.get());
  builder.RegisterService(events_.get());
  builder.RegisterService(admin_.get());
  server_ = builder.BuildAndStart();
  COVEY_CHECK(server_ != nullptr);
}

FakeDaemon::~FakeDaemon() {
  Stop();
  std::filesystem::remove_all(folder_);
}

void FakeDaemon::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

grpc::Status DetailedStatus(grpc::StatusCode code, const std::string& message, const std::string& reason,
                            const std::vector<std::pair<std::string, std::string>>& fields) {
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_domain("covey");
  info.set_reason(reason);
  details.add_details()->PackFrom(info);
  if (!fields.empty()) {
    google::rpc::BadRequest bad;
    for (const auto& [field, description] : fields) {
      auto& violation = *bad.add_field_violations();
      violation.set_field(field);
      violation.set_description(description);
    }
    details.add_details()->PackFrom(bad);
  }
  return {code, message, details.SerializeAsString()};
}

}  // namespace covey::client
