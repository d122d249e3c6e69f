#include "core/executor/function_executor.h"

#include <gtest/gtest.h>

#include <future>
#include <stdexcept>

#include "core/base/mutex.h"
#include "tests/core/executor/recorder.h"

namespace covey::testing {
namespace {

class FunctionExecutorTest : public ::testing::Test {
 protected:
  std::shared_ptr<Execution> Start(Function function, Payload payload = {}) {
    auto registry = std::make_shared<FunctionRegistry>();
    registry->Register("f", std::move(function));
    FunctionExecutor executor(registry);
    TaskSpec spec{.work = FunctionSpec{.name = name_, .payload = std::move(payload)}};
    return executor.Start({.group = "g",
                           .task = "t",
                           .attempt = 2,
                           .spec = std::make_shared<const TaskSpec>(std::move(spec)),
                           .deadline = deadline_},
                          recorder_);
  }

  std::string name_ = "f";
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
};

TEST_F(FunctionExecutorTest, TellsTheFunctionWhoItIsAndKeepsItsResult) {
  Start(
      [](const Context&, FunctionCall& call) {
        call.Write(call.group + "/" + call.task + "." + std::to_string(call.attempt));
        call.Write("oops", OutputStream::kStderr);
        call.SetResult({.bytes = call.payload.bytes + "!"});
        return Status::Ok();
      },
      {.bytes = "hello"});
  EXPECT_TRUE(recorder_->Exit().ok());
  EXPECT_EQ(recorder_->out(), "g/t.2");
  EXPECT_EQ(recorder_->err(), "oops");
  EXPECT_EQ(recorder_->result()->bytes, "hello!");
}

TEST_F(FunctionExecutorTest, AnExceptionIsAPanic) {
  Start([](const Context&, FunctionCall&) -> Status { throw std::runtime_error("boom"); });
  const Status status = recorder_->Exit();
  EXPECT_EQ(status.kind(), FailureKind::kPanic);
  EXPECT_NE(status.message().find("boom"), std::string_view::npos);
}

// What a function has put on its context runs when it is stopped, and may block: on no thread of the engine.
TEST_F(FunctionExecutorTest, AStopWaitsForNoCallbackOfTheFunction) {
  std::promise<void> ready;
  std::promise<void> go_on;
  const auto execution = Start([&](const Context& context, FunctionCall&) {
    const auto blocks = context.OnDone([&] { go_on.get_future().wait(); });
    ready.set_value();
    context.Wait();
    return context.cause();
  });
  ready.get_future().wait();
  execution->Stop({.kind = FailureKind::kCancelled, .message = "enough"});
  go_on.set_value();
  EXPECT_EQ(recorder_->Exit().message(), "enough");
}

TEST_F(FunctionExecutorTest, AStopIsDeliveredThenEndsTheContextWithItsCause) {
  const auto execution = Start([](const Context& context, FunctionCall&) {
    context.Wait();
    return context.cause();
  });
  execution->Stop({.kind = FailureKind::kCancelled, .message = "enough"});
  execution->Stop({.kind = FailureKind::kCancelled, .message = "again"});
  EXPECT_EQ(recorder_->Exit().message(), "enough");
  EXPECT_EQ(recorder_->delivered(), std::vector<int>{0});
  execution->Stop({.kind = FailureKind::kCancelled, .message = "too late"});
}

// Who owns the deadline decides first, then stops the function.
TEST_F(FunctionExecutorTest, ADeadlineIsShownAndDoesNotEndTheContextByItself) {
  deadline_ = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  std::promise<bool> done;
  Start([&](const Context& context, FunctionCall&) {
    done.set_value(context.done() || context.deadline() == std::nullopt);
    return Status::Ok();
  });
  EXPECT_FALSE(done.get_future().get());
  EXPECT_TRUE(recorder_->Exit().ok());
}

TEST_F(FunctionExecutorTest, AFunctionThatIsNotThereIsRejected) {
  name_ = "other";
  Start([](const Context&, FunctionCall&) { return Status::Ok(); });
  EXPECT_EQ(recorder_->Exit().message(), "no function other is registered");
}

TEST_F(FunctionExecutorTest, AResultThatIsTooLargeIsAFailure) {
  Start([](const Context&, FunctionCall& call) {
    call.SetResult({.bytes = std::string(FunctionCall::kMaxResult + 1, 'x')});
    return Status::Ok();
  });
  EXPECT_EQ(recorder_->Exit().message(),
            "the result of function f has 1048577 bytes, at most 1048576 are kept");
  EXPECT_EQ(recorder_->result(), nullptr);
}

}  // namespace
}  // namespace covey::testing
