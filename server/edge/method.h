#pragma once

#include <functional>
#include <string>
#include <utility>

#include "server/edge/calls.h"

namespace covey::edge {

// What a server keeps for each RPC.
class Method {
 public:
  virtual ~Method() = default;
  // Lets one more call of this RPC in on `queue`.
  virtual void Arm(Queue& queue) = 0;
};

// An RPC of the kind `Kind` (Unary<…>, …). `request` asks gRPC for the next call of it.
template <class Kind, class Request>
class MethodOf final : public Method {
 public:
  using Handler = std::function<Task<grpc::Status>(Kind&)>;

  MethodOf(std::string name, Request request, Handler handler)
      : name_(std::move(name)), request_(std::move(request)), handler_(std::move(handler)) {}

  void Arm(Queue& queue) override { (new ArmedCall(*this, queue))->Arm(); }

 private:
  class ArmedCall final : public Kind {
   public:
    ArmedCall(MethodOf& method, Queue& queue) : Kind(queue, method.name_), method_(method) {}

    void Arm() {
      grpc::ServerCompletionQueue* completions = &this->queue().completions();
      if constexpr (requires { this->mutable_request(); }) {
        method_.request_(&this->context(), &this->mutable_request(), &this->stream(), completions,
                         this->accept_tag());
      } else {
        method_.request_(&this->context(), &this->stream(), completions, this->accept_tag());
      }
    }

   private:
    void OnAccepted(bool ok) override {
      if (!ok) {
        delete this;
        return;
      }
      if (!this->stopping()) method_.Arm(this->queue());
      this->Begin();
    }
    Task<grpc::Status> MakeTask() override { return method_.handler_(*this); }

    MethodOf& method_;
  };

  const std::string name_;
  const Request request_;
  const Handler handler_;
};

}  // namespace covey::edge
