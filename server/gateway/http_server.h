#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/unique_fd.h"
#include "covey/result.h"

struct MHD_Daemon;

namespace covey {

// What a path answers.
struct HttpAnswer {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Serves a few paths over HTTP/1.1, GET and HEAD alone, on a thread of its own.
//
// Life: Start, destruction, which ends every connection. Thread safety: none; routes are called on its thread.
class HttpServer {
 public:
  struct Route {
    std::string_view path;  // as it is, without a query
    std::function<HttpAnswer()> answer;
  };
  struct Options {
    UniqueFd listener;  // a socket that listens
    std::vector<Route> routes;
    unsigned most_connections = 64;  // more wait to be accepted
    unsigned idle_seconds = 30;      // a connection that says nothing for so long is closed
  };

  static Result<std::unique_ptr<HttpServer>> Start(Options options);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  struct Handler;

  explicit HttpServer(std::vector<Route> routes) : routes_(std::move(routes)) {}
  HttpAnswer Answer(std::string_view method, std::string_view path) const;

  const std::vector<Route> routes_;
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace covey
