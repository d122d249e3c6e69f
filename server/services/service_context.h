#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/engine/engine.h"
#include "core/executor/function_registry.h"
#include "core/executor/process_executor.h"
#include "core/run/thread_set.h"
#include "server/convert/convert.h"
#include "server/edge/edge.h"

namespace covey {

// What a reload of the configuration did, or would do at the next start.
struct Reloaded {
  struct Change {
    std::string key;  // "drain_timeout", "pools.batch"
    std::string before;
    std::string after;
  };
  std::vector<Change> changed;
  std::vector<Change> needs_restart;
};

// What the services of one daemon share. Constant while the server runs; each part has its own
// synchronisation.
struct ServiceContext {
  Engine* engine = nullptr;
  std::shared_ptr<const FunctionRegistry> functions;
  std::weak_ptr<const ProcessExecutor> processes;
  std::shared_ptr<ThreadSet> readers;  // for reads of files: never on a queue's thread
  std::string version;
  std::string instance_id;
  std::string process_control;
  std::vector<std::string> listen;
  std::chrono::system_clock::time_point start_time;
  std::chrono::steady_clock::time_point start_instant;
  std::string config_file;                   // absolute; empty: none
  std::function<void()> on_drain;            // told when Drain was called
  std::function<Result<Reloaded>()> reload;  // blocks; from any thread
};

using GroupPtr = Engine::GroupPtr;

// Gives the answer of an engine call to a completion.
template <typename T>
std::function<void(Result<T>)> Into(const edge::Completion<Result<T>>& completion) {
  return [completer = completion.completer()](Result<T> result) { completer(std::move(result)); };
}

// The same for calls that answer with an error or nothing.
inline DurableGroup::Reply IntoReply(const edge::Completion<std::optional<Error>>& completion) {
  return [completer = completion.completer()](std::optional<Error> error) { completer(std::move(error)); };
}

// Fails for a task that this daemon cannot run: its function is not here, or its process asks for what is
// unknown (a user) or cannot be given (a user, a limit). Users are looked up on a reader thread. nullopt when
// the call is over.
edge::Task<std::optional<Result<Void>>> CheckTasks(const ServiceContext& context,
                                                   const std::vector<TaskSpec>& tasks);

Error TaskNotFound(const std::string& group, const std::string& task);

// co_await: the group; an error; nullopt when the call is over.
edge::Task<std::optional<Result<GroupPtr>>> FindGroup(Engine& engine, const std::string& id);

// Reads output on a reader thread when there is something to read. nullopt when the call is over.
edge::Task<std::optional<OutputPiece>> ReadOutputPiece(const ServiceContext& context, const OutputKey& key,
                                                       uint64_t offset);

}  // namespace covey
