#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_context.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/status.h"
#include "server/edge/method.h"
#include "server/edge/queue.h"

namespace covey::edge {

struct ServerOptions {
  // "unix:/path", "unix-abstract:name", "HOST:PORT"; port 0 picks a free one. A unix path that exists is
  // taken over without a word (gRPC unlinks it): whoever starts the server holds a lock.
  std::vector<std::string> addresses;
  // Completion queues with one thread each. On two cores one is twice as fast as two.
  int queues = 1;
  // Calls of each RPC that may come in between two looks at the queue without waiting in gRPC's own list.
  int armed_per_method = 8;
  int max_receive_bytes = 16 << 20;  // of one message
  int max_send_bytes = 16 << 20;
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
  // Gets a line for each handler that failed by an exception; empty: stderr. Called on queues' threads.
  LogFunction log;
};

// A gRPC server whose RPCs are coroutines. Add every RPC, Start, Shutdown.
//
// Thread safety: Add and Start from one thread; stopping, live_calls and mailbox from any; Shutdown from any
// thread but a queue's own.
//
// Invariants:
// 1. Shutdown tells the handlers first (call.stopping(), Wake::kStopping), then lets gRPC wait for them for
// the
//    grace, then cancels the rest; it returns when every handler has returned and every call is destroyed.
// 2. A call that comes in while it stops gets UNAVAILABLE without seeing its handler.
class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();  // Shutdown with no grace
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // One RPC: Add(service, &Service::RequestGetGroup, handler), where Service is a generated AsyncService,
  // which must outlive the server, and the handler is any callable Task<grpc::Status>(Unary<Request,
  // Response>&), or ServerStream, ClientStream, BidiStream. It is called for each call, on its queue's
  // thread.
  template <class Service, class Base, class Request, class Response, class Handler>
  void Add(Service& service,
           void (Base::*request)(grpc::ServerContext*, Request*, grpc::ServerAsyncResponseWriter<Response>*,
                                 grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*),
           Handler handler) {
    AddWithRequest<Unary<Request, Response>>(service, request, std::move(handler), typeid(Request));
  }
  template <class Service, class Base, class Request, class Response, class Handler>
  void Add(Service& service,
           void (Base::*request)(grpc::ServerContext*, Request*, grpc::ServerAsyncWriter<Response>*,
                                 grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*),
           Handler handler) {
    AddWithRequest<ServerStream<Request, Response>>(service, request, std::move(handler), typeid(Request));
  }
  template <class Service, class Base, class Request, class Response, class Handler>
  void Add(Service& service,
           void (Base::*request)(grpc::ServerContext*, grpc::ServerAsyncReader<Response, Request>*,
                                 grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*),
           Handler handler) {
    AddWithoutRequest<ClientStream<Request, Response>>(service, request, std::move(handler), typeid(Request));
  }
  template <class Service, class Base, class Request, class Response, class Handler>
  void Add(Service& service,
           void (Base::*request)(grpc::ServerContext*, grpc::ServerAsyncReaderWriter<Response, Request>*,
                                 grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*),
           Handler handler) {
    AddWithoutRequest<BidiStream<Request, Response>>(service, request, std::move(handler), typeid(Request));
  }

  // Binds and serves. The error names the address that could not be bound.
  Status Start();

  // The port of each address of the options, in their order; 1 for unix sockets. After Start.
  const std::vector<int>& ports() const { return ports_; }

  // What grpc.health.v1 answers; it starts as SERVING.
  void SetServing(bool serving);

  // Blocks; the first call counts, a later one waits for it. After `grace` what is still open is cancelled.
  void Shutdown(std::chrono::milliseconds grace);

  size_t live_calls() const;
  size_t queues() const { return queues_.size(); }
  // The way onto a queue's thread. After Start.
  const std::shared_ptr<Mailbox>& mailbox(size_t queue) const { return queues_[queue]->mailbox(); }

 private:
  template <class Kind, class Service, class Request, class Handler>
  void AddWithRequest(Service& service, Request request, Handler handler, const std::type_info& type) {
    Register(service);
    auto ask = [&service, request](auto* context, auto* message, auto* stream,
                                   grpc::ServerCompletionQueue* queue, void* tag) {
      (service.*request)(context, message, stream, queue, queue, tag);
    };
    methods_.push_back(
        std::make_unique<MethodOf<Kind, decltype(ask)>>(TypeName(type), ask, std::move(handler)));
  }
  template <class Kind, class Service, class Request, class Handler>
  void AddWithoutRequest(Service& service, Request request, Handler handler, const std::type_info& type) {
    Register(service);
    auto ask = [&service, request](auto* context, auto* stream, grpc::ServerCompletionQueue* queue,
                                   void* tag) { (service.*request)(context, stream, queue, queue, tag); };
    methods_.push_back(
        std::make_unique<MethodOf<Kind, decltype(ask)>>(TypeName(type), ask, std::move(handler)));
  }
  void Register(grpc::Service& service);
  static std::string TypeName(const std::type_info& type);

  const ServerOptions options_;
  std::vector<grpc::Service*> services_;
  std::vector<std::unique_ptr<Method>> methods_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<int> ports_;
  std::unique_ptr<grpc::Server> server_;
  Mutex shutdown_mutex_;  // held during the whole of Shutdown
  bool down_ COVEY_GUARDED_BY(shutdown_mutex_) = false;
};

}  // namespace covey::edge
