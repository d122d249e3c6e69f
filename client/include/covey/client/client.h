#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "covey/client/attached_group.h"
#include "covey/client/connection.h"
#include "covey/client/options.h"
#include "covey/client/request_id.h"
#include "covey/client/scope.h"
#include "covey/client/stream.h"
#include "covey/client/task.h"
#include "covey/result.h"
#include "covey/v1/admin_service.pb.h"
#include "covey/v1/event_service.pb.h"
#include "covey/v1/group_service.pb.h"
#include "covey/v1/pool_service.pb.h"
#include "covey/v1/task_service.pb.h"

namespace covey::client {

using TaskUpload = Upload<v1::SubmitTaskStreamRequest, v1::SubmitTaskStreamResponse>;
using EventStream = Stream<v1::StreamEventsResponse>;
using OutputReader = Stream<v1::ReadOutputResponse>;
using BackupReader = Stream<v1::BackupResponse>;
using GroupOutputReader = Stream<v1::StreamOutputResponse>;

// Nothing of it runs any more. States that this version does not know are not over.
inline bool IsOver(const v1::Group& group) { return group.has_end_time(); }
inline bool IsOver(const v1::Task& task) { return task.has_end_time(); }

// A client of coveyd: the façade of this folder. One method for each call of the contract, with the arguments
// that people give; those that take a whole request take it for its options.
//
// Copies share one connection; all methods may be called by several threads at once. Nothing throws. Calls
// without a timeout wait as long as the daemon lives. A daemon out of reach fails the first of them at once,
// reason UNREACHABLE; later a restart of the daemon is bridged (see RetryPolicy). Streams and groups may
// outlive the client.
class Client {
 public:
  // The daemon at `address` (see ParseAddress), by default at DefaultAddress(). Fails for a bad address only:
  // the first call connects.
  static Result<Client> Connect(std::string_view address = {}, const ConnectOptions& options = {});
  // For tests: any other connection.
  explicit Client(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

  // Groups.
  // Runs a group for as long as the returned object lives; `tasks` are its first, at most 10000.
  std::unique_ptr<AttachedGroup> RunGroup(const v1::RunGroupOptions& options,
                                          const std::vector<v1::TaskSpec>& tasks = {},
                                          const CallOptions& call = {});
  // The same with the whole first message.
  std::unique_ptr<AttachedGroup> RunGroup(const v1::RunGroupRequest& first, const CallOptions& call = {});
  // A group that lives as long as the returned scope; see Scope.
  Result<Scope> OpenScope(const v1::GroupSpec& spec = {}, const CallOptions& call = {});
  // This and SubmitTasks get a request id when they have none, so that they can be repeated: a large request
  // is better moved than copied for it.
  Result<v1::Group> CreateGroup(const v1::CreateGroupRequest& request, const CallOptions& call = {});
  Result<v1::Group> CreateGroup(v1::CreateGroupRequest&& request, const CallOptions& call = {});
  Result<v1::SubmitTasksResponse> SubmitTasks(const v1::SubmitTasksRequest& request,
                                              const CallOptions& call = {});
  Result<v1::SubmitTasksResponse> SubmitTasks(v1::SubmitTasksRequest&& request, const CallOptions& call = {});
  // Tasks in numbered messages. A restart of the daemon is bridged: what was written is kept, up to 64 MiB, and
  // sent again under a request id, which the first message gets when it has none.
  std::unique_ptr<TaskUpload> SubmitTaskStream(const CallOptions& call = {});
  Result<v1::Group> SealGroup(std::string_view group, const CallOptions& call = {});
  Result<v1::GroupResult> WaitGroup(std::string_view group, bool seal_when_idle = false,
                                    const CallOptions& call = {});
  // The same with the whole request: with a `timeout` the group may not be over (see IsOver).
  Result<v1::GroupResult> WaitGroup(const v1::WaitGroupRequest& request, const CallOptions& call = {});
  // With `wait` returns when the last task is gone, else when the request is durable.
  Result<v1::Group> CancelGroup(std::string_view group, std::string_view reason = {}, bool wait = false,
                                const CallOptions& call = {});
  Result<v1::Group> GetGroup(std::string_view group, const CallOptions& call = {});
  Result<v1::ListGroupsResponse> ListGroups(const v1::ListGroupsRequest& request,
                                            const CallOptions& call = {});
  // Every group that `request` asks for, page by page, until `visit` returns false.
  Result<Void> ForEachGroup(v1::ListGroupsRequest request, const std::function<bool(const v1::Group&)>& visit,
                            const CallOptions& call = {});
  Result<Void> DeleteGroup(std::string_view group, const CallOptions& call = {});

  // Tasks.
  Result<v1::Task> GetTask(std::string_view group, std::string_view task, const CallOptions& call = {});
  Result<v1::ListTasksResponse> ListTasks(const v1::ListTasksRequest& request, const CallOptions& call = {});
  // Every task that `request` asks for, page by page, until `visit` returns false.
  Result<Void> ForEachTask(v1::ListTasksRequest request, const std::function<bool(const v1::Task&)>& visit,
                           const CallOptions& call = {});
  Result<v1::Task> WaitTask(std::string_view group, std::string_view task, const CallOptions& call = {});
  // The same with the whole request: with a `timeout` the task may not be over (see IsOver).
  Result<v1::Task> WaitTask(const v1::WaitTaskRequest& request, const CallOptions& call = {});
  Result<v1::Task> CancelTask(std::string_view group, std::string_view task, std::string_view reason = {},
                              bool wait = false, const CallOptions& call = {});
  // What all tasks of a group write, as it comes.
  std::unique_ptr<GroupOutputReader> StreamOutput(const v1::StreamOutputRequest& request,
                                                  const CallOptions& call = {});
  std::unique_ptr<OutputReader> ReadOutput(const v1::ReadOutputRequest& request,
                                           const CallOptions& call = {});

  // Pools.
  Result<v1::Pool> CreatePool(std::string_view name, uint32_t max, const CallOptions& call = {});
  Result<v1::Pool> GetPool(std::string_view name, const CallOptions& call = {});
  // All of them, page by page.
  Result<std::vector<v1::Pool>> ListPools(const CallOptions& call = {});
  Result<v1::Pool> UpdatePool(std::string_view name, uint32_t max, const CallOptions& call = {});
  Result<Void> ClosePool(std::string_view name, const CallOptions& call = {});
  // The same with the whole request: with a `timeout` answers the pool when it is not gone yet.
  Result<v1::ClosePoolResponse> ClosePool(const v1::ClosePoolRequest& request, const CallOptions& call = {});

  // Events.
  std::unique_ptr<EventStream> StreamEvents(const v1::StreamEventsRequest& request,
                                            const CallOptions& call = {});

  // The daemon.
  Result<v1::GetServerInfoResponse> GetServerInfo(const CallOptions& call = {});
  // What is wrong with the daemon's place, and what to do.
  Result<v1::DiagnoseResponse> Diagnose(const CallOptions& call = {});
  // Returns when every group has ended; the daemon takes no new ones from then on.
  Result<Void> Drain(const CallOptions& call = {});
  // The same with the whole request: with a `timeout` answers how many groups have not ended.
  Result<v1::DrainResponse> Drain(const v1::DrainRequest& request, const CallOptions& call = {});
  // The daemon takes new groups again.
  Result<Void> Undrain(const CallOptions& call = {});
  // Makes the daemon read its configuration file again.
  Result<v1::ReloadResponse> Reload(const CallOptions& call = {});
  // A backup of what the daemon keeps, piece by piece: whole when the stream ends well.
  std::unique_ptr<BackupReader> Backup(const CallOptions& call = {});
  // Purges groups that are over, or says what would go (`dry_run`).
  Result<v1::PruneResponse> Prune(const v1::PruneRequest& request, const CallOptions& call = {});
  // Why a group, or one of its tasks, is where it is.
  Result<v1::ExplainResponse> Explain(std::string_view group, std::string_view task = {},
                                      const CallOptions& call = {});

 private:
  std::shared_ptr<Connection> connection_;
};

}  // namespace covey::client
