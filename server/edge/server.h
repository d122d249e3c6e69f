#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "covey/status.h"
#include "server/edge/call.h"
#include "server/edge/errors.h"
#include "server/edge/queue.h"

namespace grpc {
class Server;
}

namespace covey::edge {

class RawService;

struct ServerOptions {
  // "unix:/path", "unix-abstract:name", "HOST:PORT"; port 0 picks a free one. A unix path that exists is
  // taken over without a word (gRPC unlinks it): whoever starts the server holds a lock.
  std::vector<std::string> addresses;
  // Completion queues with one thread each. On two cores one is twice as fast as two.
  int queues = 1;
  // Calls of each RPC that may come in between two looks at the queue without waiting in gRPC's own list.
  int armed_per_method = 8;
  int max_receive_bytes = 16 << 20;  // of one message
  int max_send_bytes = 4 << 20;      // likewise: what every client takes by default
  // A client that is silent for `keepalive_time` is pinged, and given up when it does not answer for
  // `keepalive_timeout`: a dead one is noticed within their sum.
  std::chrono::milliseconds keepalive_time = std::chrono::seconds(18);
  std::chrono::milliseconds keepalive_timeout = std::chrono::seconds(9);
  // Calls at a time on one connection; more wait at the client.
  int max_streams_per_connection = 10'000;
  // gRPC refuses new connections while its buffers hold nearly this much; 0: no bound.
  size_t max_buffer_bytes = 0;
  // Descriptors kept free for the rest of the process: a connection that would take one of the last so many
  // below RLIMIT_NOFILE (of half of it, if that is less) is closed at once. See accept_guard.h.
  int reserved_files = 512;
  bool health = true;                     // grpc.health.v1
  std::vector<std::string> health_names;  // services that it answers for, besides the whole server ("")
  bool reflection = true;                 // grpc.reflection.v1alpha
  // What a call gets that comes in before Serve.
  grpc::Status starting = ToStatus(ServerStarting());
  // Gets a line for each handler that failed by an exception; empty: stderr. Called on queues' threads.
  LogFunction log;
};

// A gRPC server whose RPCs are coroutines. Add every RPC, Listen, Serve, Shutdown.
//
// Thread safety: Add, Listen and Serve from one thread; stopping, live_calls and mailbox from any; Shutdown
// from any thread but a queue's own.
//
// Invariants:
// 1. Shutdown tells the handlers first (call.stopping(), Wake::kStopping), then waits for them for the grace,
//    then cancels the rest; it returns when every handler has returned and every call is destroyed. A
//    connection without calls does not hold it up.
// 2. A call that comes in while it stops gets UNAVAILABLE without seeing its handler.
class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();  // Shutdown with no grace
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // One RPC by its name on the wire, "/covey.v1.GroupService/SealGroup". The handler is called for each call,
  // on its queue's thread. Before Listen.
  void Add(std::string name, Shape shape, Handler handler, Arrives arrives = Arrives::kWithCall);

  // Binds and answers: calls with the status `starting`, health checks with NOT_SERVING. The error names the
  // address that could not be bound.
  Status Listen();
  // Lets calls through to their handlers from now on, which see all that was done before.
  void Serve();
  // Both.
  Status Start();

  // The port of each address of the options, in their order; 1 for unix sockets. After Listen.
  const std::vector<int>& ports() const { return ports_; }

  // What grpc.health.v1 answers. After Listen.
  void SetServing(bool serving);

  // Blocks; the first call counts, a later one waits for it. After `grace` what is still open is cancelled.
  void Shutdown(std::chrono::milliseconds grace);

  size_t live_calls() const;
  size_t queues() const { return queues_.size(); }
  // The way onto a queue's thread. After Listen.
  const std::shared_ptr<Mailbox>& mailbox(size_t queue) const { return queues_[queue]->mailbox(); }

 private:
  const ServerOptions options_;
  std::vector<std::unique_ptr<RawService>> services_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<int> ports_;
  std::unique_ptr<grpc::Server> server_;
  std::atomic<bool> serving_ = false;
  Mutex shutdown_mutex_;  // held during the whole of Shutdown
  bool down_ COVEY_GUARDED_BY(shutdown_mutex_) = false;
};

}  // namespace covey::edge
