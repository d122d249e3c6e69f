#pragma once

#include <chrono>
#include <concepts>
#include <deque>
#include <memory>
#include <string>
#include <type_traits>

#include "covey/methods.h"
#include "server/check/check.h"
#include "server/edge/edge.h"
#include "server/services/call_stats.h"
#include "server/services/service_context.h"

namespace covey {

// Who calls. Everybody may do everything, for now.
struct Caller {
  methods::Role role = methods::Role::kAdmin;
};

// What a handler gets beside the call itself. Lives as long as the handler.
struct CallContext {
  const ServiceContext& service;
  const methods::Method& method;
  Caller caller;
  // Set by handlers that go on to wait for work to end: the call may take long without being slow.
  bool waits = false;

  Engine& engine() const { return *service.engine; }
};

// Which groups a handler takes.
enum class Takes : uint8_t {
  kWhole,        // those that can be read to the end
  kAsFarAsRead,  // also those that are damaged (DurableGroup::damage)
};

// What handlers are: coroutines that fill the response or write it. An error is the call's status.
using Handled = edge::Task<Result<Void>>;

// The two kinds of handlers of a call that is a `Kind` (edge::Unary<…>, …). The second is for requests with a
// group_id: the group is found before; it is null when the request may leave the id empty and does.
template <class Kind>
using PlainHandler = Handled (*)(CallContext&, Kind&);
template <class Kind>
using GroupHandler = Handled (*)(CallContext&, Kind&, const GroupPtr&);

// A call in the hands of its handler, without its types.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // The one request, of calls that have one. False: it is malformed.
  virtual bool Parse() = 0;
  virtual Violations CheckRequest() const = 0;
  // Of handlers that want their group, else empty.
  virtual const std::string& group_id() const = 0;
  virtual Handled Handle(CallContext& context, const GroupPtr& group) = 0;
  // The one response, of calls that have one. False: it is too large.
  virtual bool Respond() = 0;
};

// One wrapper around every call. Each passes, in this order: identity and role, deadline, parsing, Check,
// finding the group, the handler, the mapping of errors; and it is counted and timed by method and code,
// however it ends.
//
// Life: before its server's Start until the server is gone. Thread safety: Add before Start; stats from any
// thread.
class Dispatcher {
 public:
  static constexpr std::chrono::seconds kSlowCall{10};

  // `slow`: a unary call that takes longer, and does not wait for work to end, is told to the log.
  Dispatcher(edge::Server& server, const ServiceContext& context, std::chrono::nanoseconds slow = kSlowCall)
      : server_(server), context_(context), slow_(slow) {}
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  template <class Kind>
  void Add(const methods::Method& method, PlainHandler<Kind> handler) {
    AddRoute<Kind>(method, handler);
  }
  template <class Kind>
  void Add(const methods::Method& method, GroupHandler<Kind> handler, Takes takes = Takes::kWhole) {
    AddRoute<Kind>(method, handler, takes);
  }
  // Every method of the contract has a handler.
  bool complete() const { return routes_.size() == std::size(methods::kMethods); }

  const CallStats& stats() const { return stats_; }

 private:
  struct Route {
    const methods::Method& method;
    Takes takes;
    std::function<std::unique_ptr<Exchange>(edge::Call&)> open;
  };
  class Account;

  template <class Kind, class HandlerType>
  class ExchangeOf;

  template <class Kind, class HandlerType>
  void AddRoute(const methods::Method& method, HandlerType handler, Takes takes = Takes::kWhole) {
    constexpr bool kTasks = requires(Kind & call) { call.request().tasks(); };
    AddErased(method, Kind::kShape, kTasks ? edge::Arrives::kWhenRead : edge::Arrives::kWithCall, takes,
              [handler](edge::Call& call) {
                return std::make_unique<ExchangeOf<Kind, HandlerType>>(call, handler);
              });
  }
  void AddErased(const methods::Method& method, edge::Shape shape, edge::Arrives arrives, Takes takes,
                 std::function<std::unique_ptr<Exchange>(edge::Call&)> open);
  edge::Task<grpc::Status> Serve(edge::Call& call, const Route& route);

  edge::Server& server_;
  const ServiceContext& context_;
  const std::chrono::nanoseconds slow_;
  CallStats stats_;
  std::deque<Route> routes_;  // of stable address
};

template <class Kind, class HandlerType>
class Dispatcher::ExchangeOf final : public Exchange {
 public:
  ExchangeOf(edge::Call& call, HandlerType handler) : call_(call), handler_(handler) {}

  bool Parse() override {
    if constexpr (kOneRequest) return call_.ParseRequest();
    return true;
  }
  Violations CheckRequest() const override {
    if constexpr (kOneRequest) return Check(call_.request());
    return {};
  }
  const std::string& group_id() const override {
    if constexpr (kWantsGroup) return call_.request().group_id();
    static const std::string kNone;
    return kNone;
  }
  Handled Handle(CallContext& context, const GroupPtr& group) override {
    if constexpr (kWantsGroup) {
      return handler_(context, call_, group);
    } else {
      return handler_(context, call_);
    }
  }
  bool Respond() override {
    if constexpr (requires { call_.response(); }) return call_.raw().SetLast(call_.response());
    return true;
  }

 private:
  static constexpr bool kOneRequest = requires(Kind & call) { call.ParseRequest(); };
  static constexpr bool kWantsGroup = std::same_as<HandlerType, GroupHandler<Kind>>;

  Kind call_;
  const HandlerType handler_;
};

}  // namespace covey
