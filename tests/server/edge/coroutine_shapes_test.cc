// The shapes of co_await that this project allows itself, over objects that notice when they are copied
// bytewise, destroyed twice or not at all. GCC 12.2 miscompiles others: see server/edge/README.md;
// co_await_shapes.py looks for those.

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/server/edge/edge_testing.h"

namespace covey::edge {
namespace {

std::atomic<int> alive = 0;
std::atomic<int> broken = 0;

class Tracked {
 public:
  explicit Tracked(int value = 1) : self_(this), value_(value) { ++alive; }
  Tracked(const Tracked& other) : self_(this), value_(other.value()), text_(other.text_) { ++alive; }
  Tracked(Tracked&& other) noexcept : self_(this), value_(other.value()), text_(std::move(other.text_)) {
    ++alive;
  }
  Tracked& operator=(Tracked other) noexcept {
    value_ = other.value();
    std::swap(text_, other.text_);
    return *this;
  }
  ~Tracked() {
    Check();
    self_ = nullptr;
    --alive;
  }

  int value() const {
    Check();
    return value_;
  }

 private:
  void Check() const {
    if (self_ != this) ++broken;
  }
  const Tracked* self_;
  int value_;
  std::string text_ = "long enough to be on the heap, so that a second destruction shows";
};

struct Aggregate {
  Tracked tracked;
  int number = 0;
};

constexpr std::chrono::milliseconds kTick(1);

// Each helper returns its argument's value, after a suspension when told so.
Task<int> ByReference(EchoCall& call, const Tracked& tracked) {
  if (call.request().count() > 0) co_await call.Sleep(kTick);
  co_return tracked.value();
}
Task<int> ByValue(EchoCall& call, Tracked tracked) {
  if (call.request().count() > 0) co_await call.Sleep(kTick);
  co_return tracked.value();
}
Task<int> ByAggregate(EchoCall& call, Aggregate aggregate) {
  if (call.request().count() > 0) co_await call.Sleep(kTick);
  co_return aggregate.tracked.value();
}
Task<int> ByFunction(EchoCall& call, std::function<int()> function) {
  if (call.request().count() > 0) co_await call.Sleep(kTick);
  co_return function();
}
Task<std::optional<Tracked>> Maybe(EchoCall& call, int value) {
  if (call.request().count() > 0) co_await call.Sleep(kTick);
  if (value <= 0) co_return std::nullopt;
  std::optional<Tracked> tracked(std::in_place, value);
  co_return tracked;
}
Task<int> Throws(EchoCall& call) {
  const Tracked local;
  if (call.request().count() > 0) co_await call.Sleep(kTick);
  throw std::runtime_error("thrown");
  co_return 0;
}

Task<int> ArgumentsWithNames(EchoCall& call) {
  Tracked tracked;
  Task<int> by_reference = ByReference(call, tracked);
  const int one = co_await by_reference;
  Task<int> by_copy = ByValue(call, tracked);
  const int two = co_await by_copy;
  Task<int> by_move = ByValue(call, std::move(tracked));
  const int three = co_await by_move;
  co_return one + two + three;
}
// Temporaries belong into the declaration of the task, not into the co_await.
Task<int> TemporariesBeforeTheWait(EchoCall& call) {
  Task<int> by_value = ByValue(call, Tracked());
  const int one = co_await by_value;
  Task<int> by_aggregate = ByAggregate(call, Aggregate{Tracked(), 3});
  const int two = co_await by_aggregate;
  Task<int> by_braces = ByAggregate(call, {Tracked(), 3});
  const int three = co_await by_braces;
  co_return one + two + three;
}
Task<int> CapturesBeforeTheWait(EchoCall& call) {
  const Tracked tracked;
  Task<int> task = ByFunction(call, [tracked] { return tracked.value(); });
  const int one = co_await task;
  // A coroutine lambda's captures live in the closure: the closure must outlive the coroutine.
  const auto lambda = [tracked, &call]() -> Task<int> {
    if (call.request().count() > 0) co_await call.Sleep(kTick);
    co_return tracked.value();
  };
  Task<int> inner = lambda();
  const int two = co_await inner;
  co_return one + two + 1;
}
Task<int> ResultsThatOwnSomething(EchoCall& call) {
  Task<std::optional<Tracked>> some = Maybe(call, 1);
  std::optional<Tracked> first = co_await some;
  Task<std::optional<Tracked>> none = Maybe(call, 0);
  std::optional<Tracked> second = co_await none;
  Task<std::optional<Tracked>> more = Maybe(call, 2);
  first = co_await more;
  co_return first->value() + (second ? 100 : 1);
}
Task<int> DeclarationsInConditions(EchoCall& call) {
  int sum = 0;
  int left = 2;
  Task<std::optional<Tracked>> next = Maybe(call, left);
  while (std::optional<Tracked> tracked = co_await next) {
    sum += tracked->value();
    next = Maybe(call, --left);
  }
  co_return sum;
}
Task<int> LocalsAcrossLoops(EchoCall& call) {
  int sum = 0;
  for (int i = 0; i < 6; ++i) {
    const Tracked outer(i);
    Task<int> task = ByReference(call, outer);
    const int value = co_await task;
    if (value == 0) continue;
    if (value == 3) break;
    sum += value;
  }
  co_return sum;
}
Task<int> ExceptionsAcrossWaits(EchoCall& call) {
  int caught = 0;
  for (int i = 0; i < 3; ++i) {
    try {
      const Tracked inside;
      Task<int> throwing = Throws(call);
      co_await throwing;
      co_return 100;
    } catch (const std::runtime_error&) {
      ++caught;
    }
  }
  co_return caught;
}
Task<int> ReturnedResult(EchoCall& call) {
  const Tracked tracked(3);
  Task<int> task = ByReference(call, tracked);
  co_return co_await task;
}
Task<int> Completions(EchoCall& call) {
  Completion<Tracked> completion;
  const Completer<Tracked> completer = completion.completer();
  if (call.request().count() > 0) {
    call.raw().queue().mailbox()->Post([completer] { completer(Tracked(3)); });
  } else {
    completer(Tracked(3));
  }
  const Result<Tracked> result = co_await completion;
  co_return result.value().value();
}
Task<int> Children(EchoCall& call) {
  const Tracked tracked;
  Task<int> first = ByReference(call, tracked);
  Task<int> second = ByValue(call, tracked);
  Child<int> one(std::move(first));
  Child<int> two(std::move(second));
  const int a = co_await one.Join();
  const int b = co_await two.Join();
  co_return a + b + 1;
}
Task<int> NeverAwaited(EchoCall& call) {
  const Task<int> unused = ByValue(call, Tracked());
  co_return 3;
}

constexpr Task<int> (*kShapes[])(EchoCall&) = {ArgumentsWithNames,
                                               TemporariesBeforeTheWait,
                                               CapturesBeforeTheWait,
                                               ResultsThatOwnSomething,
                                               DeclarationsInConditions,
                                               LocalsAcrossLoops,
                                               ExceptionsAcrossWaits,
                                               ReturnedResult,
                                               Completions,
                                               Children,
                                               NeverAwaited};

TEST(CoroutineShapes, NothingIsCopiedBytewiseNorDestroyedTwice) {
  Handlers handlers;
  handlers.echo = [](EchoCall& call) -> Handled {
    for (auto* const shape : kShapes) {
      Task<int> task = shape(call);
      const int result = co_await task;
      call.response().mutable_text()->append(std::to_string(result));
    }
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  const auto stub = server.Connect();
  for (const int suspending : {0, 1}) {
    grpc::ClientContext context;
    EchoRequest request;
    EchoResponse response;
    request.set_count(suspending);
    EXPECT_TRUE(stub->Echo(&context, request, &response).ok());
    EXPECT_EQ(response.text(), "33333333333");
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(broken, 0);
  }
}

Task<int> One() { co_return 1; }

// Tasks that never suspend do not nest: a million in a row take no more stack than one.
TEST(CoroutineShapes, ALongLoopOfReadyTasksKeepsItsStack) {
  Handlers handlers;
  handlers.echo = [](EchoCall& call) -> Handled {
    int64_t sum = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      Task<int> task = One();
      const int value = co_await task;
      sum += value;
    }
    call.response().set_number(sum);
    co_return grpc::Status::OK;
  };
  EchoServer server(handlers);
  grpc::ClientContext context;
  EchoResponse response;
  EXPECT_TRUE(server.Connect()->Echo(&context, {}, &response).ok());
  EXPECT_EQ(response.number(), 1'000'000);
}

}  // namespace
}  // namespace covey::edge
