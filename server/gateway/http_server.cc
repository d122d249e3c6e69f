#include "server/gateway/http_server.h"

#include <microhttpd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace covey {
namespace {

constexpr unsigned kConnectionMemory = 16 << 10;  // of request and headers

}  // namespace

// What libmicrohttpd calls, in its own types.
struct HttpServer::Handler {
  // Asked twice for each request: when its headers are there, and when its body is.
  static MHD_Result Handle(void* self, MHD_Connection* connection, const char* url, const char* method,
                           const char* /*version*/, const char* /*upload*/, size_t* upload_size,
                           void** context) {
    static char seen;
    if (*context == nullptr) {
      *context = &seen;
      return MHD_YES;
    }
    if (*upload_size > 0) {  // nobody wants a body
      *upload_size = 0;
      return MHD_YES;
    }
    const HttpAnswer answer = static_cast<const HttpServer*>(self)->Answer(method, url);
    MHD_Response* response = MHD_create_response_from_buffer(
        answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
    if (response == nullptr) return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type.c_str());
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED)
      MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    const MHD_Result queued = MHD_queue_response(connection, answer.status, response);
    MHD_destroy_response(response);
    return queued;
  }
};

Result<std::unique_ptr<HttpServer>> HttpServer::Start(Options options) {
  std::unique_ptr<HttpServer> server(new HttpServer(std::move(options.routes)));
  const int listener = options.listener.Release();  // it is the library's, which closes it
  server->daemon_ = MHD_start_daemon(
      MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, nullptr, nullptr, &Handler::Handle, server.get(),
      MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, options.most_connections,
      MHD_OPTION_CONNECTION_TIMEOUT, options.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
      static_cast<size_t>(kConnectionMemory), MHD_OPTION_END);
  if (server->daemon_ == nullptr) {
    const int why = errno;
    UniqueFd closed(listener);
    return Error{.code = ErrorCode::kUnavailable,
                 .message = std::string("HTTP cannot be served: ") + std::strerror(why)};
  }
  return server;
}

HttpServer::~HttpServer() {
  if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
}

HttpAnswer HttpServer::Answer(std::string_view method, std::string_view path) const {
  const auto route =
      std::find_if(routes_.begin(), routes_.end(), [&](const Route& each) { return each.path == path; });
  if (route == routes_.end()) {
    std::string paths;
    for (const Route& each : routes_) paths += (paths.empty() ? "" : ", ") + std::string(each.path);
    return {.status = MHD_HTTP_NOT_FOUND, .body = "not found; there are: " + paths + "\n"};
  }
  if (method != MHD_HTTP_METHOD_GET && method != MHD_HTTP_METHOD_HEAD)
    return {.status = MHD_HTTP_METHOD_NOT_ALLOWED, .body = "GET and HEAD alone\n"};
  return route->answer();
}

}  // namespace covey
