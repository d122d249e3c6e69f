#include "server/daemon/web.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

namespace covey {
namespace {

constexpr std::string_view kUnixAddress = "unix:";
constexpr int kBacklog = 128;

Status CannotServe(const std::string& address, const char* why) {
  return Status::Error("http_listen: cannot listen on " + address + ": " + why);
}

// A socket that listens at `name`; errno says why not.
UniqueFd ListenAt(const sockaddr* name, socklen_t length) {
  UniqueFd fd(socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || !fd.LeaveStdio()) return UniqueFd();
  const int on = 1;
  if (name->sa_family != AF_UNIX) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd.get(), name, length) != 0 || listen(fd.get(), kBacklog) != 0) return UniqueFd();
  return fd;
}

// The port of a socket of the internet families.
int PortOf(int fd) {
  sockaddr_storage name{};
  socklen_t length = sizeof name;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &length) != 0) return 0;
  return ntohs(name.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(name).sin6_port
                                          : reinterpret_cast<const sockaddr_in&>(name).sin_port);
}

}  // namespace

Web::Web(const Config& config, const Health& health)
    : config_(config), health_(health), address_(config.http_listen) {
  sources_.started = std::chrono::system_clock::now();
}

Web::~Web() {
  if (socket_ != nullptr) socket_->Withdraw();
  server_.reset();
}

Status Web::Bind(UniqueFd* listener) {
  if (address_.starts_with(kUnixAddress)) {
    socket_ = std::make_unique<UnixSocket>(address_.substr(kUnixAddress.size()));
    if (Status status = socket_->Claim(); !status.ok()) return status;
    if (Status status = socket_->Stage(); !status.ok()) return status;
    sockaddr_un name{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string& path = socket_->staged_path();
    if (path.size() >= sizeof name.sun_path) return CannotServe(address_, "the path is too long");
    path.copy(name.sun_path, path.size());
    *listener = ListenAt(reinterpret_cast<const sockaddr*>(&name), sizeof name);
    if (!*listener) return CannotServe(address_, std::strerror(errno));
    return socket_->Publish(config_.socket_mode, config_.socket_group);
  }
  const size_t colon = address_.rfind(':');
  std::string host = address_.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int failed = getaddrinfo(host.c_str(), address_.substr(colon + 1).c_str(), &hints, &found);
      failed != 0)
    return CannotServe(address_, gai_strerror(failed));
  int why = 0;
  for (const addrinfo* each = found; each != nullptr && !*listener; each = each->ai_next) {
    *listener = ListenAt(each->ai_addr, each->ai_addrlen);
    why = errno;
  }
  freeaddrinfo(found);
  if (!*listener) return CannotServe(address_, std::strerror(why));
  address_ = address_.substr(0, colon + 1) + std::to_string(PortOf(listener->get()));
  return Status::Ok();
}

Status Web::Listen() {
  if (address_.empty()) return Status::Ok();
  UniqueFd listener;
  if (Status status = Bind(&listener); !status.ok()) return status;
  auto server = HttpServer::Start({.listener = std::move(listener),
                                   .routes = {{"/metrics", [this] { return Metrics(); }},
                                              {"/healthz", [] { return HttpAnswer{.body = "ok\n"}; }},
                                              {"/readyz", [this] { return Ready(); }}}});
  if (!server.ok()) return Status::Error(server.error().message);
  server_ = std::move(server.value());
  return Status::Ok();
}

void Web::Serve(metrics::Sources sources) {
  MutexLock lock(mutex_);
  sources.started = sources_.started;
  sources_ = std::move(sources);
  phase_ = Phase::kServing;
}

void Web::Stopping() {
  MutexLock lock(mutex_);
  phase_ = Phase::kStopping;
}

HttpAnswer Web::Ready() const {
  Phase phase{};
  const Engine* engine = nullptr;
  {
    MutexLock lock(mutex_);
    phase = phase_;
    engine = sources_.engine;
  }
  std::vector<std::string> whys = health_.whys();
  if (phase == Phase::kStarting) whys.emplace_back("it is starting");
  if (phase == Phase::kStopping) whys.emplace_back("it is stopping");
  if (phase == Phase::kServing && engine->draining()) whys.emplace_back("it is draining");
  if (whys.empty()) return {.body = "ready\n"};
  HttpAnswer answer{.status = 503};
  for (const std::string& why : whys) answer.body += why + "\n";
  return answer;
}

HttpAnswer Web::Metrics() const {
  metrics::Sources sources;
  {
    MutexLock lock(mutex_);
    sources = sources_;
    sources.serving = phase_ == Phase::kServing;
  }
  sources.health = &health_;
  sources.serving = sources.serving && !sources.engine->draining();
  return {.content_type = metrics::kContentType, .body = metrics::Text(sources)};
}

}  // namespace covey
